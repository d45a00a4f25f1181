/**
 * Runs a command as the supervisor would, minus its guard: standard input is a pipe that stays open, every line is
 * kept.
 */
import type { Command } from '#src/engines/engine.ts';

export type RunningEngine = AsyncDisposable & {
  /** Every line of both outputs so far. */
  readonly lines: readonly string[];
  readonly pid: number;
  /** How it ended: resolves when both the process and its output are done. */
  readonly ended: Promise<{ code: number | null; signal: string | null; tail: readonly string[] }>;
  /** Closes its standard input: the end of the tether. */
  letGo(): void;
};

/** Starts it; disposing kills it and waits. */
export function runEngine({ argv, env }: Command): RunningEngine {
  const child = Bun.spawn([...argv], { env: { ...env }, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
  const lines: string[] = [];
  const outputs = Promise.all([collect(child.stdout, lines), collect(child.stderr, lines)]);
  const ended = Promise.all([child.exited, outputs]).then(() => ({
    code: child.exitCode,
    signal: child.signalCode === null ? null : String(child.signalCode),
    tail: lines.slice(-40),
  }));
  return {
    lines,
    pid: child.pid,
    ended,
    letGo: () => void child.stdin.end(),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

/** Waits until a condition holds; fails after the bound. */
export async function until(condition: () => boolean | Promise<boolean>, boundMs = 20_000): Promise<void> {
  const deadlineMs = performance.now() + boundMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`Not within ${boundMs} ms: ${condition}`);
    await Bun.sleep(10);
  }
}

async function collect(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of stream) {
    const parts = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  }
  if (rest !== '') lines.push(rest);
}
