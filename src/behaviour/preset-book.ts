/** All presets: those that come with Flow, then the users' own, which live in the database. */
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { behaviourWith, launchWith } from '#src/models/config-patch.ts';
import type { LaunchOverrides, ModelConfig } from '#src/models/model.ts';
import type { Store } from '#src/store/open.ts';
import { presets } from '#src/store/schema.ts';
import { BUILTIN_PRESETS, type Preset } from './presets.ts';
import { writeTemplates } from './template-files.ts';

export type PresetBookParts = {
  readonly store: Store;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Where Flow's own templates are put for engines; absolute. */
  readonly templatesDir: string;
};

/** What a user's own preset is made of, or changed by. */
export type PresetWish = {
  readonly name?: string;
  readonly behaviour?: unknown;
  readonly launch?: unknown;
};

/** What users' own presets have in common. */
const OWN = { isBuiltin: false, description: '', template: null, families: [] } as const;
const NAME_CHARACTERS_MAX = 100;
const PRESETS_MAX = 200;

/** Owns the users' presets. */
export class PresetBook {
  readonly #parts: PresetBookParts;

  constructor(parts: PresetBookParts) {
    this.#parts = parts;
  }

  /** Built-in ones first, then the users' own, oldest first. */
  list(): readonly Preset[] {
    const rows = this.#parts.store.select().from(presets).orderBy(presets.createdAtMs, presets.id).all();
    const own = rows.map(({ id, name, behaviour, launch }) => ({ ...OWN, id, name, behaviour, launch }));
    return [...BUILTIN_PRESETS, ...own];
  }

  /** Throws Fault('not-found'). */
  need(id: string): Preset {
    const preset = this.list().find((one) => one.id === id);
    if (preset) return preset;
    throw new Fault('not-found', `There is no preset "${id.slice(0, NAME_CHARACTERS_MAX)}".`, {
      hint: 'GET /api/presets lists them.',
    });
  }

  /** Makes one. Throws Fault('invalid-request') that names what is wrong, Fault('conflict') for a name in use. */
  add(wish: PresetWish): Preset {
    const own = this.list().filter((one) => !one.isBuiltin);
    if (own.length >= PRESETS_MAX) throw new Fault('conflict', `There are ${PRESETS_MAX} presets already.`);
    const preset: Preset = {
      ...OWN,
      id: crypto.randomUUID(),
      name: this.#freeName(wish.name, null),
      behaviour: behaviourWith({}, wish.behaviour),
      launch: launchWith({}, wish.launch),
    };
    const { id, name, behaviour, launch } = preset;
    const createdAtMs = this.#parts.clock.wallMs();
    this.#parts.store.insert(presets).values({ id, name, behaviour, launch, createdAtMs }).run();
    return preset;
  }

  /** Replaces what is given of a user's own preset. Throws as `add`, and Fault('conflict') for a built-in one. */
  update(id: string, wish: PresetWish): Preset {
    const held = this.#needOwn(id, 'changed');
    const preset: Preset = {
      ...held,
      name: wish.name === undefined ? held.name : this.#freeName(wish.name, id),
      behaviour: wish.behaviour === undefined ? held.behaviour : behaviourWith({}, wish.behaviour),
      launch: wish.launch === undefined ? held.launch : launchWith({}, wish.launch ?? {}),
    };
    const { name, behaviour, launch } = preset;
    this.#parts.store.update(presets).set({ name, behaviour, launch }).where(eq(presets.id, id)).run();
    return preset;
  }

  /** Deletes a user's own preset; models keep what it gave them. Throws Fault('conflict') for a built-in one. */
  remove(id: string): void {
    this.#needOwn(id, 'deleted');
    this.#parts.store.delete(presets).where(eq(presets.id, id)).run();
  }

  /**
   * A model's configuration under a preset. Its behaviour takes the place of the present one, except for the repairs;
   * launch settings that the preset before had brought go with it. Throws Fault('not-found').
   */
  applied(config: ModelConfig, id: string): ModelConfig {
    const preset = this.need(id);
    const before = this.list().find((one) => one.id === config.preset) ?? null;
    const brought: Readonly<Record<string, unknown>> = before ? this.launchOf(before) : {};
    const kept = Object.entries(config.launch).filter(([name, value]) => !Bun.deepEquals(brought[name], value));
    if (preset.template !== null) writeTemplates(this.#parts.templatesDir);
    const { repairs } = config.behaviour;
    return {
      ...config,
      preset: preset.id,
      behaviour: { ...(repairs ? { repairs } : {}), ...preset.behaviour },
      launch: { ...Object.fromEntries(kept), ...this.launchOf(preset) },
    };
  }

  /** What an engine must be started with for a preset. */
  launchOf({ launch, template }: Preset): LaunchOverrides {
    return template === null ? launch : { ...launch, chat_template_file: join(this.#parts.templatesDir, template) };
  }

  #needOwn(id: string, what: string): Preset {
    const preset = this.need(id);
    if (!preset.isBuiltin) return preset;
    throw new Fault('conflict', `"${preset.name}" comes with Flow and cannot be ${what}.`, {
      hint: 'Save it under a name of your own instead.',
    });
  }

  #freeName(wish: string | undefined, exceptId: string | null): string {
    const name = (wish ?? '').replace(/\p{Cc}/gu, '').trim();
    if (name === '') throw new Fault('invalid-request', 'name is required.', { details: { field: 'name' } });
    if (name.length > NAME_CHARACTERS_MAX) {
      throw new Fault('invalid-request', `name is longer than ${NAME_CHARACTERS_MAX} characters.`);
    }
    const holder = this.list().find((one) => one.id !== exceptId && one.name.toLowerCase() === name.toLowerCase());
    if (holder) throw new Fault('conflict', `There is a preset "${holder.name}" already.`);
    return name;
  }
}
