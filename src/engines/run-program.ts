/** Runs a helper program (a probe, tar, pip, brew) to its end: bounded in time, aborted with its whole group. */

export type ProgramRun = {
  readonly env: Readonly<Record<string, string>>;
  /** It is killed after this. */
  readonly boundMs: number;
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  /** Hears each line of both outputs. */
  readonly onLine?: (line: string) => void;
};

export type ProgramEnd =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'killed'; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'timed-out' }
  /** It could not be started at all, for example `ENOENT` or `EACCES`. */
  | { readonly kind: 'not-started'; readonly code: string };

/** Bytes of each output that are kept, from the beginning. `llama-server --help` has about 60 kB. */
const OUTPUT_BYTES_MAX = 4 << 20;
/** A grandchild may hold the pipe after the program's end; its output is not waited for any longer. */
const DRAIN_MS = 500;

/**
 * Runs it without a shell. Throws only when `signal` aborts: then with the signal's reason, after the group was
 * killed.
 */
export async function runProgram(argv: readonly string[], run: ProgramRun): Promise<ProgramEnd> {
  run.signal?.throwIfAborted();
  const child = start(argv, run);
  if (typeof child === 'string') return { kind: 'not-started', code: child };
  let isTimedOut = false;
  const kill = () => killGroup(child.pid);
  const timer = setTimeout(() => {
    isTimedOut = true;
    kill();
  }, run.boundMs);
  run.signal?.addEventListener('abort', kill, { once: true });
  const outputs = [new Output(child.stdout, run.onLine), new Output(child.stderr, run.onLine)] as const;
  try {
    await child.exited;
    await Promise.race([Promise.all(outputs.map((output) => output.done)), Bun.sleep(DRAIN_MS)]);
  } finally {
    clearTimeout(timer);
    run.signal?.removeEventListener('abort', kill);
    kill();
  }
  run.signal?.throwIfAborted();
  if (isTimedOut) return { kind: 'timed-out' };
  const [stdout, stderr] = [outputs[0].text, outputs[1].text];
  if (child.signalCode !== null) return { kind: 'killed', signal: String(child.signalCode), stdout, stderr };
  return { kind: 'exited', code: child.exitCode ?? -1, stdout, stderr };
}

function start(argv: readonly string[], { env, cwd }: ProgramRun) {
  try {
    return Bun.spawn([...argv], {
      env: { ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      // Its own group, so that nothing it started outlives it.
      detached: true,
    });
  } catch (cause) {
    return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}

/** Reads one output to its end, keeps its beginning, and passes on its lines. A progress bar's `\r` ends a line too. */
class Output {
  text = '';
  readonly done: Promise<void>;
  readonly #onLine: (line: string) => void;

  constructor(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void = () => {}) {
    this.#onLine = onLine;
    this.done = this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const piece of stream) {
      const text = decoder.decode(piece, { stream: true });
      if (this.text.length < OUTPUT_BYTES_MAX) this.text += text;
      const lines = (rest + text).split(/[\r\n]+/);
      rest = (lines.pop() ?? '').slice(-OUTPUT_BYTES_MAX);
      for (const line of lines) if (line !== '') this.#onLine(line);
    }
    if (rest !== '') this.#onLine(rest);
  }
}
