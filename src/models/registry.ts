/** The registered models: kept in the database, answered from memory. What they are doing is not known here. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { Store } from '#src/store/open.ts';
import { facts, models } from '#src/store/schema.ts';
import { configWith } from './config-patch.ts';
import { DEMO_ID, demoEdition, makeDemoModel } from './demo.ts';
import { type FileStamp, type HeaderCache, isSameState, stampOf } from './header-cache.ts';
import { inspectLocal, type LocalModel, partsOf } from './local-file.ts';
import { EMPTY_CONFIG, type Endpoint, type Model, type ModelConfig, type ModelId, type Variant } from './model.ts';
import { nameKey } from './resolve.ts';

export type RegistryParts = {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly headers: HeaderCache;
  /** Where managed files live; absolute. Throws a Fault when nothing may be written there now. */
  readonly modelsDir: () => string;
};

/** What a new model is; the rest follows. */
export type NewModel = Omit<
  Model,
  'id' | 'createdAtMs' | 'updatedAtMs' | 'aliases' | 'config' | 'isDemo' | 'endpoint'
> & {
  /** The wished id; a number is put behind it when another model has it. */
  readonly id: string;
  readonly isDemo?: boolean;
  readonly endpoint?: Endpoint | null;
  readonly config?: Partial<ModelConfig>;
};

/** What the engine that serves a model says of it, where there is no file to read. */
export type ServedFacts = Pick<Model, 'sizeBytes' | 'trainedContextTokens' | 'capabilities'>;

/** What a model's files say of it. */
type FileField = 'format' | 'path' | 'quantization' | 'sizeBytes' | 'trainedContextTokens' | 'capabilities';

export type Registered = { readonly model: Model; readonly isNew: boolean };

const ID_LENGTH_MAX = 200;
const ALIASES_MAX = 20;
/** Its long answer repeats itself for as long as somebody listens: that is what it is for. */
const DEMO_CONFIG = { behaviour: { repairs: { loop_guard: false } } };
const DEMO_DELETED = 'demo-deleted';
const DEMO_EDITION = 'demo-edition';

/** Owns the list of models and, of their files, the managed ones. */
export class Registry {
  readonly #parts: RegistryParts;
  /** By lower-case id, oldest first. */
  readonly #models: Map<string, Model>;
  /** The state of the files that the facts of a model were read from in this run, by its path. */
  readonly #stamps = new Map<string, FileStamp>();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    const rows = parts.store.select().from(models).orderBy(models.createdAtMs, models.id).all();
    // A configuration may have been written before some of today's fields were there.
    const held = rows.map((row) => ({ ...row, config: { ...EMPTY_CONFIG, ...row.config } }));
    this.#models = new Map(held.map((model) => [model.id.toLowerCase(), model]));
  }

  /** All models, oldest first. */
  list(): readonly Model[] {
    return [...this.#models.values()];
  }

  /** The model of this id, case ignored; null when there is none. */
  find(id: ModelId): Model | null {
    return this.#models.get(id.toLowerCase()) ?? null;
  }

  /** The model of this id; throws Fault('model-not-found'). */
  need(id: ModelId): Model {
    const model = this.find(id);
    if (model) return model;
    throw new Fault('model-not-found', `There is no model "${id.slice(0, ID_LENGTH_MAX)}".`);
  }

  /** Registers a model under its wished id, or under that id with a number behind it. */
  add(wish: NewModel): Model {
    const nowMs = this.#parts.clock.wallMs();
    const id = this.#freeId(wish.id);
    const model: Model = {
      ...wish,
      id,
      name: plainLine(wish.name) || id,
      isDemo: wish.isDemo ?? false,
      endpoint: wish.endpoint ?? null,
      aliases: [],
      config: { ...EMPTY_CONFIG, ...wish.config },
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    };
    this.#parts.store
      .insert(models)
      .values({ ...model, aliases: [] })
      .run();
    this.#models.set(model.id.toLowerCase(), model);
    this.#parts.bus.publish({ type: 'model-added', modelId: model.id });
    return model;
  }

  /**
   * Registers a GGUF file or an MLX folder where it is; `isManaged` says that Flow put it there. What is registered
   * already is answered as it is. Throws the faults of `inspectLocal`.
   */
  registerLocal(path: string, name?: string, origin: { hfId?: string; isManaged?: boolean } = {}): Registered {
    const local = this.#inspected(path);
    const held = this.list().find((model) => model.path === local.path);
    if (held) return { model: held, isNew: false };
    const model = this.add({
      ...identity(local, name),
      hfId: origin.hfId ?? null,
      isManaged: origin.isManaged ?? false,
      ...(local.projectorPath === null ? {} : { config: { launch: { mmproj_path: local.projectorPath } } }),
    });
    return { model, isNew: true };
  }

  /**
   * Merges a patch into a model's configuration: `launch` field by field and `behaviour` key by key, where null takes a
   * field back to its default; `variants` are replaced. Throws Fault('invalid-request') that names what is wrong, or
   * Fault('conflict') for a name that means something else already; then nothing changed.
   */
  updateConfig(id: ModelId, patch: unknown): Model {
    return this.configure(id, (config) => configWith(config, patch));
  }

  /**
   * Changes a model's configuration and, when they are given, its further names: both or neither. Throws
   * Fault('conflict') for a name that means something else already, and what `change` throws.
   */
  configure(id: ModelId, change: (config: ModelConfig) => ModelConfig, aliases?: readonly string[]): Model {
    const model = this.need(id);
    const config = change(model.config);
    const names = aliases === undefined ? model.aliases : cleanAliases(aliases);
    const variants = config.variants.map((variant) => ({ ...variant, name: cleanId(variant.name) }));
    this.#refuseTaken(model.id, names, variants);
    return this.#update({ ...model, aliases: names, config: { ...config, variants } });
  }

  /** Takes a model's configuration back to the defaults. */
  resetConfig(id: ModelId): Model {
    return this.#update({ ...this.need(id), config: EMPTY_CONFIG });
  }

  /** Replaces a model's further names. Throws Fault('conflict') when one of them means something else already. */
  setAliases(id: ModelId, aliases: readonly string[]): Model {
    return this.configure(id, (config) => config, aliases);
  }

  /** Whether other files lie in the place of a model's than those it was registered with. False when they are gone. */
  isReplaced({ path, sizeBytes }: Model): boolean {
    const sizes = partsOf(path).map((part) => stampOf(part)?.sizeBytes ?? null);
    return sizes.every((size) => size !== null) && sizes.reduce((sum, size) => sum + size, 0) !== sizeBytes;
  }

  /**
   * The model as its files are, to be asked before a load: one look at them, and they are read again when they are
   * others than those its facts came from. Throws the faults of `inspectLocal`; files that are gone are not looked for.
   */
  asItLies(id: ModelId): Model {
    const model = this.need(id);
    const stamp = model.path === '' ? null : stampOf(model.path);
    const held = this.#stamps.get(model.path);
    return stamp === null || (held && isSameState(held, stamp)) ? model : this.refresh(id);
  }

  /** Reads a model's files again, which may have been replaced. Throws the faults of `inspectLocal`. */
  refresh(id: ModelId): Model {
    const model = this.need(id);
    const { id: _id, name: _name, ...facts } = identity(this.#inspected(model.path));
    // What was chosen to see with need not lie beside it.
    const vision = facts.capabilities.vision || Boolean(model.config.launch.mmproj_path);
    const now = { ...model, ...facts, capabilities: { ...facts.capabilities, vision } };
    return Bun.deepEquals(now, model) ? model : this.#update(now);
  }

  /** Takes over what the engine of an external model says of it now; nothing happens when it is known. */
  describe(id: ModelId, facts: ServedFacts): void {
    const model = this.find(id);
    if (model === null || model.endpoint === null) return;
    const { sizeBytes, trainedContextTokens, capabilities } = model;
    if (!Bun.deepEquals({ sizeBytes, trainedContextTokens, capabilities }, facts)) this.#update({ ...model, ...facts });
  }

  /** Takes a model off the list; its files stay. */
  remove(id: ModelId): void {
    const model = this.need(id);
    this.#parts.store.delete(models).where(eq(models.id, model.id)).run();
    this.#models.delete(model.id.toLowerCase());
    if (model.isDemo) this.#remember(DEMO_DELETED, 'true');
    this.#parts.bus.publish({ type: 'model-removed', modelId: model.id });
  }

  /** Throws Fault('conflict') when a removed model's names, or its place, are another model's by now. */
  checkReturn(model: Model): void {
    const holder = this.#holderOf(model.id, null) ?? this.list().find((other) => isSamePlace(other, model));
    if (holder) {
      throw new Fault('conflict', `${model.id} cannot come back: ${holder.id} has its name or its place by now.`, {
        hint: `Remove ${holder.id} from the list, or give it another name, then undo.`,
      });
    }
    this.#refuseTaken(model.id, model.aliases, model.config.variants);
  }

  /** Puts a removed model back on the list, with all that was chosen for it. Throws as `checkReturn`. */
  restore(model: Model): void {
    this.checkReturn(model);
    this.#parts.store
      .insert(models)
      .values({ ...model, aliases: [...model.aliases] })
      .run();
    const inOrder = [...this.list(), model].toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
    this.#models.clear();
    for (const one of inOrder) this.#models.set(one.id.toLowerCase(), one);
    this.#parts.bus.publish({ type: 'model-added', modelId: model.id });
  }

  /** Makes the demo again after it was deleted: only when a person asks, and while there is no other model. */
  async bringDemoBack(): Promise<void> {
    this.#parts.store.delete(facts).where(eq(facts.key, DEMO_DELETED)).run();
    await this.ensureDemo();
  }

  /** Makes and registers the demo when there is no model and it was not deleted before; makes a lost file again. */
  async ensureDemo(): Promise<void> {
    const held = this.list().find((model) => model.isDemo);
    if (held) {
      const isCurrent = stampOf(held.path) !== null && this.#fact(DEMO_EDITION) === demoEdition();
      if (!held.isManaged || isCurrent) return;
      // Throws where nothing may be written: its disk may only be away.
      this.#parts.modelsDir();
      await this.#makeDemo(held.path);
      return;
    }
    if (this.#models.size > 0 || this.#fact(DEMO_DELETED) !== null) return;
    const folder = this.#parts.modelsDir();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${DEMO_ID}.gguf`);
    await this.#makeDemo(path);
    const local = inspectLocal(path, this.#parts.headers);
    this.add({
      ...identity(local, 'Flow Demo'),
      id: DEMO_ID,
      hfId: null,
      isManaged: true,
      isDemo: true,
      config: DEMO_CONFIG,
    });
  }

  #inspected(path: string): LocalModel {
    // Taken before the header is read: a change in between is seen the next time.
    const stamp = stampOf(path);
    const local = inspectLocal(path, this.#parts.headers);
    if (stamp && local.path === path) this.#stamps.set(path, stamp);
    return local;
  }

  #update(model: Model): Model {
    const updated = { ...model, updatedAtMs: this.#parts.clock.wallMs() };
    const { id: _id, ...columns } = updated;
    this.#parts.store
      .update(models)
      .set({ ...columns, aliases: [...updated.aliases] })
      .where(eq(models.id, updated.id))
      .run();
    this.#models.set(updated.id.toLowerCase(), updated);
    this.#parts.bus.publish({ type: 'model-changed', modelId: updated.id });
    return updated;
  }

  #freeId(wish: string): ModelId {
    const base = cleanId(wish);
    for (let number = 2, id = base; ; number++) {
      // `flow` is the source of Flow's own log lines, and a model's lines go by its id.
      if (id.toLowerCase() !== 'flow' && !this.#holderOf(id, null)) return id;
      id = `${plainLine(base.slice(0, ID_LENGTH_MAX - 8))}-${number}`;
    }
  }

  #holderOf(name: string, exceptId: ModelId | null): Model | null {
    const key = nameKey(name);
    const holds = (model: Model): boolean => namesOf(model).some((known) => nameKey(known) === key);
    return this.list().find((model) => model.id !== exceptId && holds(model)) ?? null;
  }

  /** A request's name must mean one thing: no other model's, and not one of its own names twice. */
  #refuseTaken(id: ModelId, aliases: readonly string[], variants: readonly Variant[]): void {
    const seen = new Set([id, ...aliases].map(nameKey));
    const ofVariants = variants.map((variant) => variant.name);
    for (const name of [...aliases, ...ofVariants]) {
      const holder = this.#holderOf(name, id);
      if (holder) throw new Fault('conflict', `Another model, ${holder.id}, is called "${name}" already.`);
    }
    for (const name of ofVariants) {
      if (seen.has(nameKey(name))) {
        throw new Fault('conflict', `"${name}" is a name of this model already; a variant needs one of its own.`);
      }
      seen.add(nameKey(name));
    }
  }

  async #makeDemo(path: string): Promise<void> {
    await makeDemoModel(path);
    this.#remember(DEMO_EDITION, demoEdition());
  }

  #fact(key: string): string | null {
    return this.#parts.store.select().from(facts).where(eq(facts.key, key)).get()?.value ?? null;
  }

  #remember(key: string, value: string): void {
    const insert = this.#parts.store.insert(facts).values({ key, value });
    insert.onConflictDoUpdate({ target: facts.key, set: { value } }).run();
  }
}

function identity(local: LocalModel, name?: string): Pick<Model, 'id' | 'name' | FileField> {
  const { format, path, quantization, sizeBytes, trainedContextTokens, capabilities } = local;
  const given = name?.trim() ?? '';
  return {
    id: given === '' ? local.stem : given,
    name: given === '' ? local.stem : given,
    ...{ format, path, quantization, sizeBytes, trainedContextTokens, capabilities },
  };
}

/** Models that others serve have no file: their place is the address, and their name there. */
function isSamePlace(one: Model, other: Model): boolean {
  return one.path === other.path && Bun.deepEquals(one.endpoint, other.endpoint);
}

function namesOf({ id, aliases, config }: Model): string[] {
  return [id, ...aliases, ...config.variants.map((variant) => variant.name)];
}

function cleanAliases(aliases: readonly string[]): string[] {
  const names = [...new Set(aliases.map((alias) => cleanId(alias)))];
  if (names.length > ALIASES_MAX) throw new Fault('invalid-request', `A model can have ${ALIASES_MAX} aliases.`);
  return names;
}

/** An id that shows and travels well: a plain line without slashes at its ends, 1 to 200 characters. */
function cleanId(wish: string): ModelId {
  const id = plainLine(wish.normalize('NFC').replace(/\p{Cf}/gu, '')).replace(/^[\s/]+|[\s/]+$/g, '');
  if (id === '') throw new Fault('invalid-request', 'A model needs a name of at least one character.');
  return id;
}

/** Without what breaks the line or turns the text round, and without half a character, which no address can hold. */
function plainLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '')
    .trim()
    .slice(0, ID_LENGTH_MAX)
    .replace(/\p{Cs}/gu, '')
    .trim();
}
