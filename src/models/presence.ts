/**
 * Whether the files of models are there: looked at every half minute and when somebody asks, never while anybody waits
 * for a listing. A model whose files are gone stays on the list with all that was chosen for it.
 */
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock, Timer } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { asFault, Fault } from '#src/faults.ts';
import { statOrNull } from './file-look.ts';
import { shardsOf } from './local-file.ts';
import type { Model, ModelId } from './model.ts';
import type { Registry } from './registry.ts';
import type { Volumes } from './volumes.ts';

/** Why a model's files are not there. */
export type Missing = {
  readonly reason: 'volume' | 'folder' | 'file' | 'silent';
  readonly message: string;
  readonly hint: string;
};

export type PresenceParts = {
  readonly registry: Registry;
  readonly volumes: Volumes;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Resolves when there is something; rejects as `stat` does. */
  readonly look?: (path: string) => Promise<unknown>;
};

const LOOK_INTERVAL_MS = 30_000;
/** A listing does not ask twice within this time. */
const FRESH_MS = 1_000;
/** How long a listing waits for a look; a disk that is slower is told of at the next one. */
const LISTING_WAIT_MS = 200;
const SILENT_AFTER_MS = 5_000;
const BACK = 'It comes back by itself.';

/** Knows of every model whether its files are there. */
export class Presence implements Disposable {
  readonly #parts: PresenceParts;
  readonly #look: (path: string) => Promise<unknown>;
  readonly #missing = new Map<ModelId, Missing>();
  /** Looks that were not answered yet: a disk that hangs is not asked again. */
  readonly #open = new Map<string, Promise<boolean>>();
  readonly #timer: Timer;
  #running: Promise<void> | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#look = parts.look ?? ((path) => stat(path));
    this.#timer = parts.clock.every(LOOK_INTERVAL_MS, () => void this.look());
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  /** Why a model's files are not there, as the last look found; null when they are. */
  of(modelId: ModelId): Missing | null {
    return this.#missing.get(modelId) ?? null;
  }

  /** Looks at the files of all models, and tells of those that went or came. Never rejects. */
  look(): Promise<void> {
    this.#running ??= this.#looked().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** For a listing: what is known is no older than a second, unless a disk is slow. */
  async fresh(): Promise<void> {
    if (this.#parts.clock.monotonicMs() - this.#lookedMs < FRESH_MS) return;
    await Promise.race([this.look(), Bun.sleep(LISTING_WAIT_MS)]);
  }

  /** The model, before it is loaded; throws Fault('not-found') with the words of the listing when it is not there. */
  need(model: Model): Model {
    const known = this.of(model.id);
    // To look there now would hold up everybody, for as long as the disk does not answer.
    const isSilent = known?.reason === 'silent';
    if (isSilent) void this.look();
    else if (model.path === '' || statOrNull(model.path) !== null) return model;
    const { message, hint } = isSilent ? known : this.#wordsFor(model);
    throw new Fault('not-found', message, { hint });
  }

  async #looked(): Promise<void> {
    const { registry, volumes, bus, clock } = this.#parts;
    const models = registry.list();
    const { promise: silence, resolve } = Promise.withResolvers<null>();
    using _timer = clock.after(SILENT_AFTER_MS, () => resolve(null));
    const found = await Promise.all(models.map((model) => this.#judged(model, silence)));
    this.#lookedMs = clock.monotonicMs();
    const ids = new Set(registry.list().map(({ id }) => id));
    for (const id of this.#missing.keys()) if (!ids.has(id)) this.#missing.delete(id);
    for (const [index, model] of models.entries()) {
      // Removed while its disk was asked, and perhaps another came under its name.
      if (registry.find(model.id)?.path !== model.path) continue;
      const missing = found[index] ?? null;
      if (missing === null && model.path !== '') volumes.note(model.path);
      const before = this.of(model.id)?.message ?? null;
      if (missing) this.#missing.set(model.id, missing);
      else this.#missing.delete(model.id);
      if (before !== (missing?.message ?? null)) bus.publish({ type: 'model-changed', modelId: model.id });
    }
  }

  async #judged(model: Model, silence: Promise<null>): Promise<Missing | null> {
    if (model.path === '') return null;
    const answer = await Promise.race([this.#isThere(model.path), silence]);
    if (answer === null) {
      const message = `The disk with ${dirname(model.path)} does not answer.`;
      return { reason: 'silent', message, hint: `Look whether it is connected. ${BACK}` };
    }
    if (!answer) return this.#wordsFor(model);
    return model.format === 'gguf' ? partsMissing(model.path) : this.#withoutConfig(model, silence);
  }

  async #withoutConfig(model: Model, silence: Promise<null>): Promise<Missing | null> {
    const isWhole = await Promise.race([this.#isThere(join(model.path, 'config.json')), silence]);
    return isWhole === false ? fileWords(join(model.path, 'config.json')) : null;
  }

  #isThere(path: string): Promise<boolean> {
    const open = this.#open.get(path);
    if (open) return open;
    const asked = this.#look(path)
      .then(() => true)
      // What may not be read is there; a load says what is wrong with it.
      .catch((cause: unknown) => !isGone(cause))
      .finally(() => this.#open.delete(path));
    this.#open.set(path, asked);
    return asked;
  }

  #wordsFor({ path }: Model): Missing {
    const absent = this.#parts.volumes.absentFor(path);
    if (absent !== null) {
      const message = `The disk at ${absent} is not mounted, and ${basename(path)} lies on it.`;
      return { reason: 'volume', message, hint: `Connect the disk. ${BACK}` };
    }
    if (statOrNull(dirname(path)) !== null) return fileWords(path);
    const message = `The folder ${dirname(path)} is gone, and ${basename(path)} with it.`;
    return { reason: 'folder', message, hint: `Put it back, or remove the model from the list. ${BACK}` };
  }
}

function fileWords(path: string): Missing {
  const message = `${basename(path)} is no longer in ${dirname(path)}.`;
  return { reason: 'file', message, hint: `Put it back, or remove the model from the list. ${BACK}` };
}

/** The first part is there; the others may not be. */
function partsMissing(path: string): Missing | null {
  try {
    shardsOf(path);
    return null;
  } catch (cause) {
    const { message, hint } = asFault(cause);
    return { reason: 'file', message, hint: hint ?? BACK };
  }
}

function isGone(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENODEV' || code === 'ENXIO' || code === 'ESTALE';
}
