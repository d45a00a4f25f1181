/** Where the running gateway is, from the same flags, variables and settings file that started it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, type Flags, readConfig } from '#src/config.ts';
import { isObject, numberOrNull } from '#src/json.ts';
import type { Address } from './gateway-api.ts';

const PORT_DEFAULT = 3377;

/** Throws Fault('invalid-request') for a bad flag or variable. */
export function addressOf(flags: Flags, environment: Environment): Address {
  const config = readConfig(flags, environment);
  const fixedHost = config.fixed.host?.value;
  const host = typeof fixedHost === 'string' ? fixedHost : '127.0.0.1';
  const fixedPort = config.fixed.port?.value;
  const port = typeof fixedPort === 'number' ? fixedPort : (savedPort(config.dataDir) ?? PORT_DEFAULT);
  return { baseUrl: `http://${reachable(host)}:${port}`, apiKey: config.apiKey };
}

/** An address to listen on is not always one to connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === 'localhost') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function savedPort(dataDir: string): number | null {
  try {
    const settings: unknown = JSON.parse(readFileSync(join(dataDir, 'settings.json'), 'utf8'));
    return isObject(settings) ? numberOrNull(settings.port) : null;
  } catch {
    // No settings yet, or not readable: the default port is what Flow itself would use.
    return null;
  }
}
