/** Reads what a line of llama-server's output tells; lines of the tether, and of the logs of old and new builds. */
import { isObject, jsonOrNull, numberOrNull, stringOrNull } from '#src/json.ts';
import type { LogSignal } from './engine.ts';

/** Begins the lines that a llama-server started with `LLAMA_SERVER_ROUTER_PORT` writes for its parent. */
const TETHER = 'cmd_child_to_router:state:';
const MIB = 1024 * 1024;
/** Old builds draw the load as a row of this many dots. */
const DOTS_MAX = 100;

const BUFFER = /(\S+) +(model|KV|RS|compute|output) buffer size\s*=\s*([\d.]+) (MiB|KiB|GiB)/;
const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: MIB, GiB: 1024 * MIB };
const PARTS: Readonly<Record<string, 'weights' | 'kv-cache' | 'compute'>> = {
  model: 'weights',
  KV: 'kv-cache',
  // Recurrent models (Mamba, the hybrids) keep their state in an "RS" buffer instead.
  RS: 'kv-cache',
  compute: 'compute',
  output: 'compute',
};

/** The signal in a line, or null for the many that only people read. */
export function readLog(line: string): LogSignal | null {
  if (line.startsWith(TETHER)) return readTether(line.slice(TETHER.length));
  const memory = BUFFER.exec(line);
  if (memory) return readMemory(memory);
  // Before late 2025 the server listens first and loads afterwards: only this line means ready in every build.
  if (/\b(main|llama_server): model loaded\s*$/.test(line)) return { kind: 'ready' };
  if (/\bload_tensors: loading model tensors/.test(line))
    return { kind: 'load-progress', stage: 'text_model', ratio: 0 };
  if (/^\.{10,}$/.test(line)) {
    return { kind: 'load-progress', stage: 'text_model', ratio: Math.min(1, line.length / DOTS_MAX) };
  }
  if (/\bllama_context: constructing llama_context/.test(line))
    return { kind: 'load-progress', stage: 'context', ratio: 0 };
  if (/draft vocabs are not compatible|draft model vocab type must match/.test(line)) {
    return { kind: 'remark', text: 'The draft model is not used: its vocabulary is not that of the model.' };
  }
  if (/\bwarming up the model/.test(line)) return { kind: 'load-progress', stage: 'warm-up', ratio: 0 };
  return null;
}

function readTether(json: string): LogSignal | null {
  const message = jsonOrNull(json);
  if (!isObject(message)) return null;
  if (message.state === 'ready') return { kind: 'ready' };
  if (message.state !== 'loading' || !isObject(message.payload)) return null;
  const stage = stringOrNull(message.payload.current);
  const ratio = numberOrNull(message.payload.value);
  if (stage === null || ratio === null) return null;
  return { kind: 'load-progress', stage, ratio: Math.min(1, Math.max(0, ratio)) };
}

function readMemory([, device = '', name = '', amount, unit = '']: RegExpExecArray): LogSignal | null {
  const part = PARTS[name];
  const unitBytes = UNITS[unit];
  const bytes = Number(amount) * (unitBytes ?? Number.NaN);
  if (part === undefined || !Number.isFinite(bytes)) return null;
  return { kind: 'memory', part: part === 'weights' ? weightsOn(device) : part, bytes: Math.round(bytes) };
}

function weightsOn(device: string): 'weights' | 'mapped-weights' | 'repacked-weights' {
  if (device === 'CPU_Mapped') return 'mapped-weights';
  return /^AMX$|REPACK|^CPU_AARCH64$/.test(device) ? 'repacked-weights' : 'weights';
}
