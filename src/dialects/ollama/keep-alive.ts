/** How long Ollama's clients want a model to stay. */
import { invalid } from '#src/dialects/invalid.ts';
import type { KeepAlive } from '#src/scheduling/lease.ts';

const UNIT_S: { readonly [unit: string]: number } = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/y;
/** A year; whoever wants longer wants it for ever. */
const SECONDS_MAX = 31_536_000;

/**
 * Reads `keep_alive`: seconds as a number or a bare number's text, or Go's durations (`5m`, `1h30m`); anything negative
 * is for ever, absence is the configuration's. Throws Fault('invalid-request').
 */
export function readKeepAlive(value: unknown): KeepAlive {
  if (value === undefined || value === null || value === '') return 'default';
  const seconds = typeof value === 'string' ? secondsOf(value.trim()) : value;
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) {
    throw invalid('keep_alive', 'seconds, or a duration such as "5m", is required');
  }
  return seconds < 0 || seconds > SECONDS_MAX ? 'forever' : seconds;
}

function secondsOf(text: string): number | null {
  if (/^[+-]?\d+(?:\.\d+)?$/.test(text)) return Number(text);

  const isNegative = text.startsWith('-');
  const part = new RegExp(PART);
  part.lastIndex = /^[+-]/.test(text) ? 1 : 0;
  let seconds = 0;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (!found) return null;
    seconds += Number(found[1]) * (UNIT_S[found[2] ?? ''] ?? Number.NaN);
  }
  return isNegative ? -seconds : seconds;
}
