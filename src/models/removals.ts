/**
 * Takes models off the list, with or without their files, and back on it for ten minutes after. What Flow did not put
 * there itself stays where it is, whoever asks.
 */
import { join } from 'node:path';
import type { Clock, Timer } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { Logs } from '#src/logs/logs.ts';
import type { Model, ModelId } from './model.ts';
import { type NeededFile, ownFiles } from './own-files.ts';
import type { Registry } from './registry.ts';
import { type Removal, RemovalRecords } from './removal-records.ts';
import { moveToTrash, purgeTrash, putBack, TRASH_KEPT_MS } from './trash.ts';

export type RemovalsParts = {
  readonly registry: Registry;
  readonly records: RemovalRecords;
  readonly clock: Clock;
  readonly modelsDir: () => string;
  /** Called when a removed model can no longer be had back. */
  readonly onForgotten: (modelId: ModelId) => void;
  /** What went wrong beside the matter itself. */
  readonly log: (text: string, cause: unknown) => void;
};

export type Removed = {
  readonly files: 'kept' | 'deleted';
  /** Files that stay because other models need them. */
  readonly needed: readonly NeededFile[];
  /** Null when the removal could not be written down, so that it is for good. */
  readonly undo: { readonly token: string; readonly expiresAtMs: number } | null;
};

/** A second of grace, so that an entry is never looked at just before it is due. */
const PURGE_DELAY_MS = TRASH_KEPT_MS + 1_000;

/** Owns what was removed, until it is gone for good. */
export class Removals implements Disposable {
  readonly #parts: RemovalsParts;
  readonly #held: Map<string, Removal>;
  /** When what was removed goes for good, wall clock. One timer waits for the first of them. */
  #dueMs: readonly number[];
  #timer: Timer | null = null;

  constructor(parts: RemovalsParts) {
    this.#parts = parts;
    this.#held = new Map(parts.records.read().map((removal) => [removal.token, removal]));
    this.#dueMs = [...this.#held.values()].map(dueMs);
    this.#arm();
    void this.#purge();
  }

  /** What can be had back, oldest first. */
  list(): readonly Removal[] {
    const nowMs = this.#parts.clock.wallMs();
    return [...this.#held.values()].filter((removal) => !isOver(removal, nowMs));
  }

  /** Whether a model of this id was removed and can still be had back. */
  holds(modelId: ModelId): boolean {
    return this.list().some(({ model }) => model.id.toLowerCase() === modelId.toLowerCase());
  }

  /**
   * Removes a model; 'delete' takes its files to the trash, if Flow put them there and nobody else needs them. Throws
   * the faults of `moveToTrash`, and then nothing changed. The caller makes sure that it is not running.
   */
  remove(id: ModelId, wish: 'keep' | 'delete'): Removed {
    const { registry, clock, modelsDir } = this.#parts;
    const model = registry.need(id);
    const isWished = wish === 'delete' && model.isManaged && model.endpoint === null;
    const { paths, needed } = isWished ? this.#deletable(model) : NONE;
    const root = modelsDir();
    const trashed = moveToTrash(paths, root, model.id, clock.wallMs());
    const removal = this.#recorded(model, trashed && { ...trashed, names: [...trashed.names], modelsDir: root });
    try {
      registry.remove(model.id);
    } catch (cause) {
      if (trashed) putBack(trashed, root);
      if (removal) this.#drop(removal);
      throw cause;
    }
    const undo = removal && { token: removal.token, expiresAtMs: removal.removedAtMs + TRASH_KEPT_MS };
    return { files: isWished && paths.length > 0 ? 'deleted' : 'kept', needed, undo };
  }

  /**
   * Puts a removed model back: its files where they were, itself on the list with all that was chosen for it. Throws
   * Fault('not-found') when that can no longer be done, Fault('conflict') when something new is in its place.
   */
  undo(token: string): Model {
    const { registry, clock } = this.#parts;
    const removal = this.#held.get(token);
    if (!removal || isOver(removal, clock.wallMs())) {
      throw new Fault('not-found', 'This can no longer be undone.', {
        hint: `A removed model can be had back for ${TRASH_KEPT_MS / 60_000} minutes.`,
      });
    }
    const { model, trashed } = removal;
    registry.checkReturn(model);
    if (trashed) putBack(trashed, trashed.modelsDir);
    // Before the model is told of: it is no longer one that was removed.
    this.#drop(removal);
    try {
      registry.restore(model);
    } catch (cause) {
      // Its files are back; what was chosen for it must not be lost with the attempt.
      this.#keep({ ...removal, trashed: null });
      throw cause;
    }
    return registry.need(model.id);
  }

  /** Deletes all that is in the trash now; nothing of it can be had back. Answers how many models that were. */
  async empty(): Promise<number> {
    const removals = [...this.#held.values()];
    for (const removal of removals) this.#drop(removal);
    const roots = new Set([this.#parts.modelsDir(), ...removals.flatMap(({ trashed }) => trashed?.modelsDir ?? [])]);
    for (const root of roots) await purgeTrash(root, () => true);
    for (const { model } of removals) this.#forget(model.id);
    return removals.length;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #deletable(model: Model): { paths: readonly string[]; needed: readonly NeededFile[] } {
    const { registry } = this.#parts;
    if (model.format === 'gguf' && !model.isDemo && registry.isReplaced(model)) {
      throw new Fault('conflict', `The file of ${model.id} is not the one that Flow put there, so it is left alone.`, {
        hint: 'Remove the model from the list, and the file by hand.',
      });
    }
    return ownFiles(
      model,
      registry.list().filter((other) => other.id !== model.id),
    );
  }

  /** Null when it cannot be written down: a full disk must not keep anybody from deleting. */
  #recorded(model: Model, trashed: Removal['trashed']): Removal | null {
    const removal = recordOf(model, trashed, this.#parts.clock.wallMs());
    // Whether or not it can be undone: a full disk gets its room back only when the trash is emptied.
    this.#dueMs = [...this.#dueMs, dueMs(removal)];
    this.#arm();
    return this.#keep(removal) ? removal : null;
  }

  /** Whether it could be written down, and so be undone. */
  #keep(removal: Removal): boolean {
    try {
      this.#parts.records.write(removal);
    } catch (cause) {
      this.#parts.log('a removal could not be written down, so it cannot be undone', cause);
      return false;
    }
    this.#held.set(removal.token, removal);
    return true;
  }

  /** One timer, however much is removed: a hundred removals in ten minutes were a hundred timers. */
  #arm(): void {
    const { clock } = this.#parts;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    if (this.#dueMs.length === 0) return;
    const leftMs = Math.min(...this.#dueMs) - clock.wallMs();
    // The wall clock may have been set back by years, which is more than a timer can wait for.
    this.#timer = clock.after(Math.min(Math.max(0, leftMs), PURGE_DELAY_MS), () => this.#fallDue());
  }

  #fallDue(): void {
    const nowMs = this.#parts.clock.wallMs();
    this.#dueMs = this.#dueMs.filter((atMs) => atMs > nowMs);
    this.#arm();
    void this.#purge();
  }

  async #purge(): Promise<void> {
    const nowMs = this.#parts.clock.wallMs();
    const over = [...this.#held.values()].filter((removal) => isOver(removal, nowMs));
    for (const removal of over) this.#drop(removal);
    const roots = new Set([this.#parts.modelsDir(), ...over.flatMap(({ trashed }) => trashed?.modelsDir ?? [])]);
    for (const root of roots) await purgeTrash(root, (movedAtMs) => nowMs - movedAtMs >= TRASH_KEPT_MS);
    for (const { model } of over) this.#forget(model.id);
  }

  #drop(removal: Removal): void {
    this.#held.delete(removal.token);
    this.#parts.records.delete(removal);
  }

  /** A model that came anew under the same name has memories of its own. */
  #forget(modelId: ModelId): void {
    if (this.#parts.registry.find(modelId) === null) this.#parts.onForgotten(modelId);
  }
}

/** What a Flow has before its models. */
export type RemovalsGround = Pick<RemovalsParts, 'clock'> & {
  readonly bus: Bus;
  readonly logs: Pick<Logs, 'warning'>;
  readonly settings: { readonly current: { readonly models_dir: string } };
};

/** What was learned of a model goes with it, but not before it can no longer be had back. */
export function openRemovals(
  { clock, bus, logs, settings }: RemovalsGround,
  registry: Registry,
  dataDir: string,
  memories: readonly { forget(modelId: string): void }[],
): Removals {
  const onForgotten = (modelId: string): void => {
    for (const memory of memories) memory.forget(modelId);
  };
  const removals = new Removals({
    ...{ registry, clock, onForgotten },
    records: new RemovalRecords(join(dataDir, 'removals')),
    modelsDir: () => settings.current.models_dir,
    log: (text, cause) => logs.warning(text, { cause }),
  });
  bus.subscribe((event) => {
    if (event.type === 'model-removed' && !removals.holds(event.modelId)) onForgotten(event.modelId);
    // Another model under the name of one that could still be had back begins with nothing.
    if (event.type === 'model-added' && removals.holds(event.modelId)) onForgotten(event.modelId);
  });
  return removals;
}

const NONE = { paths: [], needed: [] };

function recordOf(model: Model, trashed: Removal['trashed'], nowMs: number): Removal {
  const copy = { ...model, aliases: [...model.aliases], capabilities: { ...model.capabilities } };
  return { token: crypto.randomUUID(), removedAtMs: nowMs, model: copy, trashed };
}

/** When a removal goes for good, wall clock. */
const dueMs = ({ removedAtMs }: Removal): number => removedAtMs + PURGE_DELAY_MS;

/** A clock that was set back keeps nothing for longer than a day. */
function isOver({ removedAtMs }: Removal, nowMs: number): boolean {
  const agoMs = nowMs - removedAtMs;
  return agoMs >= TRASH_KEPT_MS || agoMs < -86_400_000;
}
