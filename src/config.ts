/**
 * Where Flow runs and with what: command line over environment over defaults, read once, frozen. Settings come later
 * (`src/settings`).
 */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { Fault } from './faults.ts';
import type { SettingName, SettingOrigin, Settings } from './settings/settings.ts';

/** As the settings bound them; the assertion there would be Flow's fault, not the user's. */
const HOST_LENGTH_MAX = 253;
const PATH_LENGTH_MAX = 4_000;
const HUB_URL = /^https?:\/\/[A-Za-z0-9.:[\]_-]+(?:\/[A-Za-z0-9._~/-]*)?$/;
const HUB_URL_LENGTH_MAX = 300;

/** How many ports engines may take, from the first on. */
export const ENGINE_PORTS_MAX = 1_000;

export type LogLevel = 'error' | 'warning' | 'info' | 'debug';
/** Sentences for people, JSON lines for collectors, or nothing: the files in the data directory have them anyway. */
export type LogFormat = 'text' | 'json' | 'off';

/** A setting that the command line or the environment fixes for this run. */
export type Fixed = {
  readonly value: Settings[SettingName];
  readonly origin: Extract<SettingOrigin, 'environment' | 'flag'>;
};

export type Config = {
  /** Absolute; holds settings.json, flow.db, engines, logs and (unless moved) models. */
  readonly dataDir: string;
  /** Settings that this run does not take from the file. */
  readonly fixed: Readonly<Partial<Record<SettingName, Fixed>>>;
  /** The key every caller must show; null = none (loopback only). */
  readonly apiKey: string | null;
  /** Lets Flow listen beyond loopback without a key; for containers that are closed otherwise. */
  readonly isOpenAllowed: boolean;
  /** A llama-server the user named; null = find or fetch one. */
  readonly llamaServer: string | null;
  /** Where engines' ports begin; null = where people have always found them (`supervision/ports.ts`). */
  readonly enginePort: number | null;
  /** Base address of the release API that engines come from; null = the official one. */
  readonly releasesUrl: string | null;
  readonly logLevel: LogLevel;
  /** How Flow's own lines are told on stderr. */
  readonly logFormat: LogFormat;
};

/** Flags as they were given, by their long name without dashes. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration. Throws Fault('invalid-request') that names the flag or variable and what it should be.
 */
export function readConfig(flags: Flags, environment: Environment): Config {
  const text = (flag: string, variable: string): Given | null => {
    const flagged = flags[flag];
    if (typeof flagged === 'string') return given(flagged, 'flag', `--${flag}`);
    const inherited = environment[variable];
    return inherited ? given(inherited, 'environment', variable) : null;
  };
  const fixed: Partial<Record<SettingName, Fixed>> = {};
  const host = text('host', 'FLOW_HOST');
  if (host) fixed.host = { value: bounded(host, HOST_LENGTH_MAX), origin: host.origin };
  const port = text('port', 'FLOW_PORT');
  if (port) fixed.port = { value: portNumber(port), origin: port.origin };
  const modelsDir = text('models-dir', 'FLOW_MODELS_DIR');
  if (modelsDir) {
    fixed.models_dir = { value: absolute(bounded(modelsDir, PATH_LENGTH_MAX)), origin: modelsDir.origin };
  }
  // The name that other programs for this hub read, too.
  const hub = text('hub-url', 'HF_ENDPOINT');
  if (hub) fixed.hub_url = { value: hubAddress(hub), origin: hub.origin };
  const enginePort = text('engine-port', 'FLOW_ENGINE_PORT');
  const log = text('log', 'FLOW_LOG');
  const format = text('log-format', 'FLOW_LOG_FORMAT');

  return Object.freeze({
    dataDir: absolute(text('data-dir', 'FLOW_DATA_DIR')?.value ?? join(homedir(), '.flow')),
    fixed: Object.freeze(fixed),
    apiKey: text('api-key', 'FLOW_API_KEY')?.value ?? null,
    isOpenAllowed: environment.FLOW_ALLOW_OPEN === '1',
    llamaServer: text('llama-server', 'FLOW_LLAMA_SERVER')?.value ?? null,
    enginePort: enginePort ? firstPort(enginePort) : null,
    releasesUrl: environment.FLOW_ENGINE_RELEASES_URL ?? null,
    logLevel: log ? logLevel(log) : 'info',
    logFormat: format ? logFormat(format) : 'text',
  });
}

/** A value as it was given; `name` is the flag or the variable, for messages. */
type Given = { readonly value: string; readonly origin: Fixed['origin']; readonly name: string };

/**
 * Without the white space round it, which a key read from a file brings along. Nothing at all would mean the present
 * folder for a path and any port for a port, so it is refused.
 */
function given(text: string, origin: Fixed['origin'], name: string): Given {
  const value = text.trim();
  if (value === '') throw new Fault('invalid-request', `${name} is empty; leave it out or give it a value.`);
  return { value, origin, name };
}

function bounded({ value, name }: Given, lengthMax: number): string {
  if (value.length <= lengthMax) return value;
  throw new Fault('invalid-request', `${name} has ${value.length} characters; at most ${lengthMax} are possible.`);
}

function hubAddress({ value, name }: Given): string {
  if (HUB_URL.test(value) && value.length <= HUB_URL_LENGTH_MAX) return value;
  throw new Fault('invalid-request', `${name} is not an http or https address such as https://huggingface.co.`);
}

function absolute(path: string): string {
  const expanded = path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
  return isAbsolute(expanded) ? expanded : resolve(expanded);
}

function portNumber({ value, name }: Given): number {
  const port = Number(value);
  // Digits alone: as a number, text such as 0x10 or 1e3 would be one too.
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port;
  throw new Fault('invalid-request', `${name} is "${value}"; it must be a whole number from 0 to 65535.`);
}

/** Ports of users, with room for as many engines as anybody may run. */
function firstPort({ value, name }: Given): number {
  const port = Number(value);
  if (/^\d{4,5}$/.test(value) && port >= 1_024 && port <= 65_535 - ENGINE_PORTS_MAX) return port;
  const range = `from 1024 to ${65_535 - ENGINE_PORTS_MAX}`;
  throw new Fault('invalid-request', `${name} is "${value}"; it must be a whole number ${range}.`);
}

function logLevel({ value, name }: Given): LogLevel {
  if (value === 'error' || value === 'warning' || value === 'info' || value === 'debug') return value;
  throw new Fault('invalid-request', `${name} is "${value}"; it must be error, warning, info or debug.`);
}

function logFormat({ value, name }: Given): LogFormat {
  if (value === 'text' || value === 'json' || value === 'off') return value;
  throw new Fault('invalid-request', `${name} is "${value}"; it must be text, json or off.`);
}
