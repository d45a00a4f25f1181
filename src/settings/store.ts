/** Holds the settings: flag over environment over file over default, and keeps `settings.json`. */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { assert } from '#src/assert.ts';
import type { Clock, Timer } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { type FileReading, readSettingsFile, replaceFile, setAside } from './file.ts';
import { type SettingName, type SettingOrigin, Settings, type SettingsStore } from './settings.ts';
import { isSettingName, SETTING_NAMES, settingProblem } from './validation.ts';

/** A value that the command line or the environment fixes for this run; already checked by whoever read it. */
export type FixedSetting = { readonly value: unknown; readonly origin: 'flag' | 'environment' };

export type SettingsParts = {
  /** Absolute path of `settings.json`; its folder exists. */
  readonly path: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly overrides: Readonly<Partial<Record<SettingName, FixedSetting>>>;
  readonly modelsDirDefault: string;
};

const EXTERNAL_CHECK_INTERVAL_MS = 5_000;
/** Tests listen on port 0, which asks the system for a free one; the file and the API may not. */
const RunSettings = Type.Object({ ...Settings.properties, port: Type.Integer({ minimum: 0, maximum: 65_535 }) });

/** Reads the file and says by `notices` what had to be mended. Never throws for what is in the file. */
export async function openSettings(parts: SettingsParts): Promise<SettingsFile> {
  const { reading, notices } = await readOrRecover(parts.path, parts.clock.wallMs());
  const settings = new SettingsFile(parts, reading, notices);
  if (reading.kind === 'good') await replaceFile(backupOf(parts.path), reading.text).catch(() => {});
  return settings;
}

/**
 * The settings and their file. Changes made in the file by hand are picked up within five seconds, and before each
 * write, so that neither side overwrites the other. `settings.json.bak` is always the last content that was accepted.
 */
export class SettingsFile implements SettingsStore, Disposable {
  readonly #parts: SettingsParts;
  readonly #notices: string[] = [];
  #text: string | null;
  #values: JsonObject;
  #current: Settings;
  #work: Promise<unknown> = Promise.resolve();
  readonly #timer: Timer;

  constructor(parts: SettingsParts, reading: FileReading, notices: readonly string[]) {
    this.#parts = parts;
    this.#text = reading.kind === 'good' ? reading.text : null;
    this.#values = reading.kind === 'good' ? reading.values : {};
    for (const text of notices) this.#notice(text);
    this.#current = this.#resolve();
    this.#noteBadValues();
    this.#timer = parts.clock.every(EXTERNAL_CHECK_INTERVAL_MS, () => void this.refresh());
  }

  get current(): Settings {
    return this.#current;
  }

  /** What had to be mended since the start, in words, oldest first, at most 20. */
  get notices(): readonly string[] {
    return this.#notices;
  }

  origin(name: SettingName): SettingOrigin {
    const fixed = this.#parts.overrides[name];
    if (fixed) return fixed.origin;
    return this.#fromFile(name) === undefined ? 'default' : 'file';
  }

  /** The value it would have if nobody had said anything. */
  defaultOf(name: SettingName): unknown {
    const schema: TSchema = Settings.properties[name];
    return name === 'models_dir' ? this.#parts.modelsDirDefault : schema.default;
  }

  update(patch: unknown): Promise<Settings> {
    return this.#inTurn(() => this.#update(patch));
  }

  /** Takes over what was changed in the file by hand. Never rejects; a file that is broken now is left alone. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      const reading = await readSettingsFile(this.#parts.path);
      if (reading.kind === 'good') this.#accept(reading.text, reading.values);
    });
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  async #update(patch: unknown): Promise<Settings> {
    const reading = await readSettingsFile(this.#parts.path);
    // First of all: what a patch changes is judged by what holds now, and that may have been edited a second ago.
    if (reading.kind === 'good') this.#accept(reading.text, reading.values);
    const changes = this.#checked(patch);
    const directory = changes.models_dir;
    if (typeof directory === 'string') await makeFolder(directory);
    if (reading.kind === 'bad' || reading.kind === 'unreadable') {
      const message = `${this.#parts.path} was changed by hand and cannot be read now (${reading.reason}); nothing was saved.`;
      throw new Fault('conflict', message, { hint: 'Mend or remove the file, then save again.' });
    }
    const external = reading.kind === 'good' ? reading.values : this.#values;
    const values = { ...external, ...changes };
    const text = `${JSON.stringify(values, null, 2)}\n`;
    await replaceFile(this.#parts.path, text);
    // The settings are saved by now: a copy that could not be made is no reason to say otherwise.
    await replaceFile(backupOf(this.#parts.path), text).catch(() => {});
    this.#accept(text, values);
    return this.#current;
  }

  /** The part of a patch that changes something. Throws a Fault that names every field that is wrong. */
  #checked(patch: unknown): JsonObject {
    if (!isObject(patch)) throw new Fault('invalid-request', 'The settings must be a JSON object.');
    const changes: Record<string, unknown> = {};
    const problems = new Map<string, string>();
    for (const [name, given] of Object.entries(patch)) {
      const value = name === 'models_dir' && typeof given === 'string' ? withHome(given) : given;
      const problem = isSettingName(name) ? this.#problem(name, value) : `${name} is not a setting.`;
      if (problem !== null) problems.set(name, problem);
      else if (isSettingName(name) && !Value.Equal(value, this.#current[name])) changes[name] = value;
    }
    if (problems.size > 0) {
      const details = { fields: Object.fromEntries(problems) };
      throw new Fault('invalid-request', [...problems.values()].join(' '), { details });
    }
    this.#refuseLocked(Object.keys(changes).filter(isSettingName));
    return changes;
  }

  /** The present value is never wrong, also when the API would not take it: a form sends all fields back. */
  #problem(name: SettingName, value: unknown): string | null {
    if (Value.Equal(value, this.#current[name])) return null;
    return settingProblem(name, value) ?? relativeProblem(name, value);
  }

  #refuseLocked(names: readonly SettingName[]): void {
    const locked = names.filter((name) => this.#parts.overrides[name] !== undefined);
    if (locked.length === 0) return;
    const list = locked.map((name) => `${name} is fixed by ${this.#parts.overrides[name]?.origin}`).join(', ');
    throw new Fault('conflict', `For this run ${list}.`, { hint: 'Start Flow without it to change it here.' });
  }

  #accept(text: string, values: JsonObject): void {
    if (text === this.#text) return;
    const before = this.#current;
    this.#text = text;
    this.#values = values;
    this.#current = this.#resolve();
    this.#noteBadValues();
    const keys = SETTING_NAMES.filter((name) => !Value.Equal(before[name], this.#current[name]));
    if (keys.length > 0) this.#parts.bus.publish({ type: 'settings-changed', keys });
  }

  #resolve(): Settings {
    const settings = Object.fromEntries(
      SETTING_NAMES.map((name) => {
        const fixed = this.#parts.overrides[name];
        return [name, fixed ? fixed.value : (this.#fromFile(name) ?? this.defaultOf(name))];
      }),
    );
    assert(Value.Check(RunSettings, settings), 'defaults and overrides that fit the schema');
    return Object.freeze(settings);
  }

  /** The file's value, when there is one and it is right. */
  #fromFile(name: SettingName): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    if (value === undefined || settingProblem(name, value) !== null) return undefined;
    return name === 'models_dir' && typeof value === 'string' ? withHome(value) : value;
  }

  #noteBadValues(): void {
    for (const name of SETTING_NAMES) {
      if (!Object.hasOwn(this.#values, name)) continue;
      const problem = settingProblem(name, this.#values[name]);
      if (problem) this.#notice(`In settings.json ${problem} The default is used.`);
    }
  }

  #notice(text: string): void {
    if (this.#notices.includes(text)) return;
    this.#notices.push(text);
    if (this.#notices.length > NOTICES_MAX) this.#notices.shift();
    this.#parts.bus.publish({ type: 'notice', tone: 'warning', text });
  }

  /** One at a time: two saves at once must not lose each other's values. */
  #inTurn<Result>(job: () => Promise<Result>): Promise<Result> {
    const result = this.#work.then(job);
    this.#work = result.catch(() => {});
    return result;
  }
}

const NOTICES_MAX = 20;

const backupOf = (path: string): string => `${path}.bak`;

/** Reads the file; a bad one is set aside and the last good content put in its place. */
async function readOrRecover(path: string, nowMs: number): Promise<{ reading: FileReading; notices: string[] }> {
  const reading = await readSettingsFile(path);
  if (reading.kind === 'unreadable') {
    return { reading, notices: [`${path} cannot be read (${reading.reason}); the defaults are used.`] };
  }
  if (reading.kind !== 'bad') return { reading, notices: [] };
  const aside = await setAside(path, nowMs);
  const kept = aside === null ? 'It is left where it is' : `It is kept as ${aside}`;
  const backup = await readSettingsFile(backupOf(path));
  if (backup.kind === 'good' && aside !== null) await replaceFile(path, backup.text).catch(() => {});
  const instead = backup.kind === 'good' ? 'the last good settings' : 'the defaults';
  return { reading: backup, notices: [`${path} is damaged: ${reading.reason}. ${kept}; ${instead} are used.`] };
}

function withHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

function relativeProblem(name: SettingName, value: unknown): string | null {
  if (name !== 'models_dir' || typeof value !== 'string' || isAbsolute(value)) return null;
  return `models_dir must be an absolute path; it was ${JSON.stringify(value)}.`;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const message = `models_dir: the folder ${path} cannot be made.`;
    throw new Fault('invalid-request', message, { details: { fields: { models_dir: message } }, cause });
  }
}
