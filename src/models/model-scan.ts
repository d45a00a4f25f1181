/** Registers what lies in the models folder, and reads again what was replaced there. Only when somebody asks. */
import { basename } from 'node:path';
import type { Clock } from '#src/clock.ts';
import { asFault } from '#src/faults.ts';
import { statOrNull } from './file-look.ts';
import { type FileStamp, stampOf } from './header-cache.ts';
import type { Model } from './model.ts';
import type { Registry } from './registry.ts';
import { type Candidate, findModels, type Skipped } from './scan.ts';
import { Turns } from './turns.ts';

export type ModelScanParts = {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly modelsDir: () => string;
};

/** What a scan did. */
export type Scanned = { readonly added: readonly Model[]; readonly skipped: readonly Skipped[] };

/** A copy that is under way changes its file again within this time. */
const SETTLE_MS = 400;
/** A file that was changed so shortly before may still be growing. */
const FRESH_MS = 5_000;
const REFUSALS_MAX = 20_000;

const GROWING = 'It is still being written; scan again when it is complete.';

/** Scans the models folder; who asks while a scan is under way gets its result. */
export class ModelScan {
  readonly #parts: ModelScanParts;
  /** Why a file was not taken, for as long as it stays the same: it is not opened again. */
  readonly #refusals = new Map<string, { stamp: FileStamp; reason: string }>();
  #running: Promise<Scanned> | null = null;

  constructor(parts: ModelScanParts) {
    this.#parts = parts;
  }

  /** Registers every model that is new under the models folder. Never rejects for what lies there. */
  scan(): Promise<Scanned> {
    this.#running ??= this.#scanned().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #scanned(): Promise<Scanned> {
    const { registry, modelsDir } = this.#parts;
    const known = new Map(registry.list().map((model) => [model.path, model]));
    const { models, skipped } = await findModels(modelsDir());
    const turns = new Turns();
    const added: Model[] = [];
    const passed: Skipped[] = skipped.filter(({ path }) => !known.has(path));
    const unknown: Candidate[] = [];
    for (const candidate of models) {
      await turns.take();
      const held = known.get(candidate.path);
      if (held === undefined) unknown.push(candidate);
      else this.#renewed(held, passed);
    }
    const growing = await this.#growing(unknown);
    const places = unknown.length > 0 ? await this.#places() : new Set<string>();
    for (const candidate of unknown) {
      await turns.take();
      if (growing.has(candidate.path)) passed.push({ path: candidate.path, reason: GROWING });
      else if (!places.has(placeOf(candidate.path) ?? '')) this.#register(candidate, added, passed);
    }
    return { added, skipped: passed };
  }

  #renewed(model: Model, passed: Skipped[]): void {
    const { registry } = this.#parts;
    try {
      if (registry.isReplaced(model)) registry.refresh(model.id);
    } catch (cause) {
      passed.push({ path: model.path, reason: asFault(cause).message });
    }
  }

  #register({ path, format }: Candidate, added: Model[], passed: Skipped[]): void {
    const stamp = stampOf(path);
    const refusal = this.#refusals.get(path);
    if (refusal && stamp && Bun.deepEquals(refusal.stamp, stamp)) {
      passed.push({ path, reason: refusal.reason });
      return;
    }
    const reason = this.#refusalOf(path, added);
    if (reason === null) {
      this.#refusals.delete(path);
      return;
    }
    passed.push({ path, reason });
    // Folders change without their time telling, and parts may still come.
    const isLasting = format === 'gguf' && stamp !== null && !/-of-\d{5}\.gguf$/i.test(path);
    if (isLasting && this.#refusals.size < REFUSALS_MAX) this.#refusals.set(path, { stamp, reason });
  }

  #refusalOf(path: string, added: Model[]): string | null {
    try {
      const { model, isNew } = this.#parts.registry.registerLocal(path);
      if (isNew) added.push(model);
      return null;
    } catch (cause) {
      return asFault(cause).message;
    }
  }

  /** Files that changed a moment ago and still do. */
  async #growing(candidates: readonly Candidate[]): Promise<ReadonlySet<string>> {
    const nowMs = this.#parts.clock.wallMs();
    const fresh = candidates.flatMap(({ path }) => {
      const stamp = stampOf(path);
      return stamp !== null && nowMs - stamp.modifiedMs < FRESH_MS ? [{ path, stamp }] : [];
    });
    if (fresh.length === 0) return new Set();
    await Bun.sleep(SETTLE_MS);
    return new Set(fresh.filter(({ path, stamp }) => !Bun.deepEquals(stampOf(path), stamp)).map(({ path }) => path));
  }

  /** Where the registered models really lie: under another spelling, or by a link, a file is still the same. */
  async #places(): Promise<ReadonlySet<string>> {
    const places = new Set<string>();
    const turns = new Turns();
    for (const { path } of this.#parts.registry.list()) {
      await turns.take();
      const place = path === '' ? null : placeOf(path);
      if (place !== null) places.add(place);
    }
    return places;
  }
}

/** A file by its disk and its number there; null when it is gone. */
function placeOf(path: string): string | null {
  const stat = statOrNull(path);
  return stat === null ? null : `${stat.dev}:${stat.ino}`;
}

/** A skipped file as an answer tells of it. */
export function shownSkipped({ path, reason }: Skipped) {
  return { file: basename(path), path, reason };
}
