/**
 * Where Flow runs and with what: command line over environment over defaults, read once, frozen. Settings come later
 * (`src/settings`).
 */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { Fault } from './faults.ts';
import type { SettingName, SettingOrigin, Settings } from './settings/settings.ts';

export type LogLevel = 'error' | 'warning' | 'info' | 'debug';

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
  /** Base address of the release API that engines come from; null = the official one. */
  readonly releasesUrl: string | null;
  readonly logLevel: LogLevel;
};

/** Flags as they were given, by their long name without dashes. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration. Throws Fault('invalid-request') that names the flag or variable and what it should be.
 */
export function readConfig(flags: Flags, environment: Environment): Config {
  const text = (flag: string, variable: string): { value: string; origin: Fixed['origin'] } | null => {
    const given = flags[flag];
    if (typeof given === 'string') return { value: given, origin: 'flag' };
    const inherited = environment[variable];
    return inherited ? { value: inherited, origin: 'environment' } : null;
  };
  const fixed: Partial<Record<SettingName, Fixed>> = {};
  const host = text('host', 'FLOW_HOST');
  if (host) fixed.host = host;
  const port = text('port', 'FLOW_PORT');
  if (port) fixed.port = { value: portNumber(port.value, port.origin), origin: port.origin };
  const modelsDir = text('models-dir', 'FLOW_MODELS_DIR');
  if (modelsDir) fixed.models_dir = { value: absolute(modelsDir.value), origin: modelsDir.origin };

  return Object.freeze({
    dataDir: absolute(text('data-dir', 'FLOW_DATA_DIR')?.value ?? join(homedir(), '.flow')),
    fixed: Object.freeze(fixed),
    apiKey: text('api-key', 'FLOW_API_KEY')?.value ?? null,
    isOpenAllowed: environment.FLOW_ALLOW_OPEN === '1',
    llamaServer: text('llama-server', 'FLOW_LLAMA_SERVER')?.value ?? null,
    releasesUrl: environment.FLOW_ENGINE_RELEASES_URL ?? null,
    logLevel: logLevel(text('log', 'FLOW_LOG')?.value ?? 'info'),
  });
}

function absolute(path: string): string {
  const expanded = path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
  return isAbsolute(expanded) ? expanded : resolve(expanded);
}

function portNumber(text: string, origin: Fixed['origin']): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  const name = origin === 'flag' ? '--port' : 'FLOW_PORT';
  throw new Fault('invalid-request', `${name} is "${text}"; it must be a whole number from 0 to 65535.`);
}

function logLevel(text: string): LogLevel {
  if (text === 'error' || text === 'warning' || text === 'info' || text === 'debug') return text;
  throw new Fault('invalid-request', `The log level is "${text}"; it must be error, warning, info or debug.`);
}
