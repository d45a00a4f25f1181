/** What takes an import back: kept in memory for a while, since it may name anything that was changed. */
import type { PresetBook } from '#src/behaviour/preset-book.ts';
import type { Preset } from '#src/behaviour/presets.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { ImportReport } from '#src/imports/perform.ts';
import type { JsonObject } from '#src/json.ts';
import { configWith } from '#src/models/config-patch.ts';
import type { Model } from '#src/models/model.ts';
import type { Registry } from '#src/models/registry.ts';
import { discard, type ModelRoutesParts } from '#src/models/routes.ts';
import { undoPatch } from '#src/pages/models/undo-patch.ts';
import type { Settings, SettingsStore } from '#src/settings/settings.ts';

export type ImportUndosParts = {
  readonly registry: Pick<Registry, 'list' | 'find' | 'configure'>;
  readonly presets: Pick<PresetBook, 'list' | 'remove'>;
  readonly settings: Pick<SettingsStore, 'current' | 'update'>;
  readonly removals: Parameters<typeof discard>[2]['removals'];
  readonly statusOf: ModelRoutesParts['statusOf'];
};

/** What an import can change. */
export type Snapshot = {
  readonly models: readonly Model[];
  readonly presets: readonly Preset[];
  readonly settings: Settings;
};

/** How an import is taken back. */
export type ImportUndo = {
  readonly added: readonly string[];
  readonly changed: readonly { readonly modelId: string; readonly patch: JsonObject }[];
  readonly presetIds: readonly string[];
  readonly settings: JsonObject;
};

const KEPT_MAX = 20;

/** What has to be done so that all is as it was before; null when nothing was changed. Pure. */
export function importUndo(before: Snapshot, after: Snapshot, report: ImportReport): ImportUndo | null {
  const earlier = new Map(before.models.map((model) => [model.id, model]));
  // Others may have changed things meanwhile: only what the report tells of is this import's.
  const done = new Set(report.models.filter(({ outcome }) => outcome !== 'refused').map(({ path }) => path));
  const touched = after.models.filter(({ path }) => done.has(path));
  const changed = touched.flatMap((model) => {
    const was = earlier.get(model.id);
    const patch = was ? undoPatch(was, model) : null;
    return patch === null ? [] : [{ modelId: model.id, patch }];
  });
  const known = new Set(before.presets.map(({ id }) => id));
  const names = new Set(report.presets.map(({ name }) => name.trim()));
  const settings = new Map(Object.entries(before.settings));
  const undo = {
    added: touched.filter(({ id }) => !earlier.has(id)).map(({ id }) => id),
    changed,
    presetIds: after.presets.filter(({ id, name }) => !known.has(id) && names.has(name)).map(({ id }) => id),
    settings: Object.fromEntries(Object.keys(report.settings).map((name) => [name, settings.get(name)])),
  };
  const count = undo.added.length + undo.changed.length + undo.presetIds.length + Object.keys(undo.settings).length;
  return count === 0 ? null : undo;
}

/** Keeps the last ways back, and goes them. */
export class ImportUndos {
  readonly #parts: ImportUndosParts;
  readonly #kept = new Map<string, ImportUndo>();

  constructor(parts: ImportUndosParts) {
    this.#parts = parts;
  }

  /** What there is now. */
  snapshot(): Snapshot {
    const { registry, presets, settings } = this.#parts;
    return { models: registry.list(), presets: presets.list(), settings: settings.current };
  }

  /** Keeps a way back and answers by what it is asked for. */
  keep(undo: ImportUndo): string {
    const token = crypto.randomUUID();
    this.#kept.set(token, undo);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest);
    return token;
  }

  /**
   * Takes an import back, and answers in sentences what could not be. Files stay where they are. Throws
   * Fault('not-found') for one that is not kept any more.
   */
  async perform(token: string): Promise<readonly string[]> {
    const { presets, settings } = this.#parts;
    const undo = this.#kept.get(token);
    if (!undo) throw new Fault('not-found', 'This can no longer be undone.');
    this.#kept.delete(token);
    const known = new Set(presets.list().map(({ id }) => id));
    const troubles = [
      ...undo.added.map((id) => tried(() => this.#leave(id))),
      ...undo.changed.map(({ modelId, patch }) => tried(() => this.#restore(modelId, patch))),
      ...undo.presetIds.filter((id) => known.has(id)).map((id) => tried(() => presets.remove(id))),
    ];
    if (Object.keys(undo.settings).length > 0) await settings.update(undo.settings);
    return troubles.filter((trouble) => trouble !== null);
  }

  #leave(modelId: string): void {
    const model = this.#parts.registry.find(modelId);
    if (model) discard(model, 'keep', this.#parts);
  }

  #restore(modelId: string, { aliases, ...patch }: JsonObject): void {
    if (this.#parts.registry.find(modelId) === null) return;
    const names = Array.isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : undefined;
    this.#parts.registry.configure(modelId, (config) => configWith(config, patch), names);
  }
}

function tried(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (cause) {
    return asFault(cause).message;
  }
}
