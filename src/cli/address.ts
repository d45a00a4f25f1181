/** Where the running gateway is, from the same flags, variables and settings file that started it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, type Flags, readConfig } from '#src/config.ts';
import { isObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { Address } from './gateway-api.ts';

const HOST_DEFAULT = '127.0.0.1';
const PORT_DEFAULT = 3377;

/** Throws Fault('invalid-request') for a bad flag or variable. */
export function addressOf(flags: Flags, environment: Environment): Address {
  const config = readConfig(flags, environment);
  const saved = savedAddress(config.dataDir);
  const fixedHost = config.fixed.host?.value;
  const host = typeof fixedHost === 'string' ? fixedHost : (saved.host ?? HOST_DEFAULT);
  const fixedPort = config.fixed.port?.value;
  const port = typeof fixedPort === 'number' ? fixedPort : (saved.port ?? PORT_DEFAULT);
  return { baseUrl: `http://${reachable(host)}:${port}`, apiKey: config.apiKey };
}

/** An address to listen on is not always one to connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === 'localhost') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function savedAddress(dataDir: string): { host: string | null; port: number | null } {
  try {
    const settings: unknown = JSON.parse(readFileSync(join(dataDir, 'settings.json'), 'utf8'));
    const values = isObject(settings) ? settings : {};
    return { host: stringOrNull(values.host), port: numberOrNull(values.port) };
  } catch {
    // No settings yet, or not readable: the defaults are what Flow itself would use.
    return { host: null, port: null };
  }
}
