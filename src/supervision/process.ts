/** The only place that spawns engines: behind a guard, in a process group of their own, with their output drained. */
import { closeSync } from 'node:fs';
import type { Clock } from '#src/clock.ts';
import type { Command } from '#src/engines/engine.ts';
import { LineReader } from './line-reader.ts';
import { residentBytes } from './process-memory.ts';

export type OutputStream = 'stdout' | 'stderr';
export type GroupSignal = 'SIGTERM' | 'SIGINT' | 'SIGKILL';
export type ProcessExit = { readonly code: number | null; readonly signal: string | null };

export type SpawnOptions = {
  readonly command: Command;
  /** Marks every process of this Flow, as FLOW_INSTANCE in its environment. */
  readonly nonce: string;
  readonly clock: Clock;
  /** Each line of output, in order within its stream, without its end, at most 16 KiB. */
  readonly onLine: (line: string, stream: OutputStream) => void;
  /** Lines that were too many to be read one by one. */
  readonly onDropped: (lines: number, stream: OutputStream) => void;
};

/** A running engine: the leader of its group, and whatever it forked. */
export interface EngineProcess {
  readonly pid: number;
  /** Settles once, when the leader has gone, its group is swept and its last output was handed over. Never rejects. */
  readonly ended: Promise<ProcessExit>;
  /** Writes a line on its stdin; harmless when it has gone. */
  tell(line: string): void;
  /** Signals the whole group; harmless when it has gone. */
  signal(name: GroupSignal): void;
  /** Resident memory of the leader and its descendants, in bytes; null when it cannot be told. */
  memoryBytes(): number | null;
}

/**
 * Fd 3 is a lifeline that only Flow holds: when Flow dies, however it dies, the watcher reads its end, asks the group
 * to go and kills it a second later. The watcher ignores TERM, so that it also guards an engine that is being stopped.
 * The engine's own stdin is a second pipe: what speaks llama-server's child protocol exits at its end as well.
 * `exec` makes pid, exit code and signals the engine's own. POSIX sh: the same on Linux and macOS.
 */
const GUARD = [
  "( trap '' TERM INT HUP",
  'while read -r _ <&3; do :; done',
  'kill -TERM -$$; sleep 1; kill -KILL -$$',
  ') </dev/null >/dev/null 2>&1 &',
  'exec 3<&-',
  'exec "$@"',
].join('\n');

/** A forked grandchild may hold the pipes after the sweep; nobody waits longer than this for their end. */
const DRAIN_MS = 500;

/** Starts an engine. Throws when not even the guard can be started (no memory, no processes left). */
export function spawnEngine(options: SpawnOptions): EngineProcess {
  const child = Bun.spawn(['/bin/sh', '-c', GUARD, 'flow-guard', ...options.command.argv], {
    env: { ...options.command.env, FLOW_INSTANCE: options.nonce },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const { pid, stdin } = child;
  const stopReading = new AbortController();
  const drained = Promise.all([
    drain(child.stdout, 'stdout', options, stopReading.signal),
    drain(child.stderr, 'stderr', options, stopReading.signal),
  ]);
  const ended = child.exited.then(async (): Promise<ProcessExit> => {
    signalGroup(pid, 'SIGKILL');
    await within(DRAIN_MS, drained, options.clock);
    stopReading.abort();
    closeQuietly(stdin);
    closeLifeline(child.stdio[3]);
    const code = child.signalCode === null && typeof child.exitCode === 'number' ? child.exitCode : null;
    return { code, signal: child.signalCode === null ? null : String(child.signalCode) };
  });
  return {
    pid,
    ended,
    tell: (line) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      try {
        settleQuietly(stdin.write(`${line}\n`));
        settleQuietly(stdin.flush());
      } catch {
        // It has closed its stdin, or is just going: what comes after the polite word ends it all the same.
      }
    },
    signal: (name) => {
      if (child.exitCode === null && child.signalCode === null) signalGroup(pid, name);
    },
    memoryBytes: () => (child.exitCode === null && child.signalCode === null ? residentBytes(pid) : null),
  };
}

/** Reads a stream to its end, line by line. Never throws: an unreadable pipe is an ended pipe. */
async function drain(
  stream: ReadableStream<Uint8Array>,
  name: OutputStream,
  { clock, onLine, onDropped }: SpawnOptions,
  stop: AbortSignal,
): Promise<void> {
  const lines = new LineReader({
    clock,
    onLine: (line) => onLine(line, name),
    onDropped: (count) => onDropped(count, name),
  });
  const reader = stream.getReader();
  stop.addEventListener('abort', () => settleQuietly(reader.cancel()), { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      lines.push(value);
    }
  } catch {
    // The pipe broke: what was read is all there is.
  } finally {
    lines.end();
  }
}

/** Signals a process group; false when there is none any more. */
export function signalGroup(leaderPid: number, name: GroupSignal): boolean {
  try {
    return process.kill(-leaderPid, name);
  } catch {
    return false;
  }
}

async function within(ms: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _timer = clock.after(ms, resolve);
  await Promise.race([work, promise]);
}

/** Not waited for: what holds the other end after the leader's death may hold it for ever. */
function closeQuietly(stdin: Bun.FileSink): void {
  settleQuietly(stdin.end());
}

/** Bun hands extra pipes over as bare numbers and never closes them (measured on 1.4.5). */
function closeLifeline(descriptor: number | null | undefined): void {
  if (typeof descriptor === 'number') closeSync(descriptor);
}

function settleQuietly(work: unknown): void {
  if (work instanceof Promise) work.catch(() => {});
}
