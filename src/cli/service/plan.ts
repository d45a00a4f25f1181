/** What a service manager is told about Flow, whichever it is. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, type Flags, readConfig } from '#src/config.ts';
import { Fault } from '#src/faults.ts';

export type ServicePlan = {
  /** The program, absolute, and its arguments. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where what is written before there is a log goes, for managers that keep nothing themselves. */
  readonly outputPath: string;
};

/** What engines and their installers find their programs and devices by, besides what starts with `FLOW_`. */
const CARRIED = [
  ...['PATH', 'LANG', 'HF_ENDPOINT', 'HF_HOME', 'HF_HUB_CACHE', 'CUDA_VISIBLE_DEVICES', 'CUDA_DEVICE_ORDER'],
  ...['ROCR_VISIBLE_DEVICES', 'HSA_OVERRIDE_GFX_VERSION', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'],
  ...['https_proxy', 'http_proxy', 'no_proxy'],
];
const PATH_DEFAULT = '/usr/local/bin:/usr/bin:/bin';
const FLAGS: Readonly<Record<string, string>> = {
  host: 'FLOW_HOST',
  port: 'FLOW_PORT',
  'models-dir': 'FLOW_MODELS_DIR',
  'llama-server': 'FLOW_LLAMA_SERVER',
  'engine-port': 'FLOW_ENGINE_PORT',
  log: 'FLOW_LOG',
  'log-format': 'FLOW_LOG_FORMAT',
};

/**
 * The service as it would be now: this very program, with the settings of this environment and these flags. Secrets
 * are not in it. Throws Fault('invalid-request') for flags that cannot be, and for text no unit file can hold.
 */
export function planService(flags: Flags, environment: Environment): ServicePlan {
  const { dataDir } = readConfig(flags, environment);
  const carried: Record<string, string> = {};
  for (const name of CARRIED) {
    const value = environment[name];
    if (value && !value.includes('@')) carried[name] = value;
  }
  carried.PATH ??= PATH_DEFAULT;
  for (const [flag, name] of Object.entries(FLAGS)) {
    const value = flags[flag] ?? environment[name];
    if (typeof value === 'string' && value !== '') carried[name] = value;
  }
  if (environment.FLOW_ALLOW_OPEN === '1') carried.FLOW_ALLOW_OPEN = '1';
  carried.FLOW_DATA_DIR = dataDir;
  const argv = [...ownProgram(environment.PATH ?? ''), 'serve'];
  for (const text of [...argv, ...Object.values(carried)]) {
    if (!/\p{Cc}/u.test(text)) continue;
    throw new Fault('invalid-request', `A service file cannot hold ${JSON.stringify(text)}.`);
  }
  return { argv, environment: carried, outputPath: join(dataDir, 'logs', 'service.log') };
}

/**
 * How this program is started again. A folder of settings for the runtime is nobody's business: `.env` files are not
 * read.
 */
function ownProgram(path: string): readonly string[] {
  if (Bun.isStandaloneExecutable) return [lastingName('flow', path)];
  return [lastingName('bun', path), '--no-env-file', join(import.meta.dir, '..', '..', 'main.ts')];
}

/** A link on PATH outlives an update: package managers put each version into a folder of its own. */
function lastingName(name: string, path: string): string {
  const found = Bun.which(name, { PATH: path });
  if (found === null) return process.execPath;
  try {
    return realpathSync(found) === realpathSync(process.execPath) ? found : process.execPath;
  } catch {
    return process.execPath;
  }
}
