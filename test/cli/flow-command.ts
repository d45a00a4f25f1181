/** Runs `flow …` as people do: a process of its own, with an environment of its own, bounded in time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(import.meta.dir, '..', '..', 'src', 'main.ts');
const WITHIN_MS = 30_000;

export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string; readonly ms: number };

export type CommandOptions = {
  /** What to start instead of the sources: the program and its first arguments. */
  readonly program?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Piped in; without it, standard input is /dev/null. */
  readonly input?: string;
  /** Sent to it once this text was seen on stdout or stderr. */
  readonly signalAt?: { readonly text: string; readonly signal: NodeJS.Signals };
  /** Done once this text was seen. */
  readonly actAt?: { readonly text: string; readonly act: () => void };
};

/** What a command needs of the environment, and nothing by which it could find an engine or a Flow by chance. */
export function plainEnvironment(home: string): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: home, TMPDIR: tmpdir() };
}

/** Runs it to its end. A command that does not end within 30 s is killed, and fails by its code. */
export async function flow(argv: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const home = mkdtempSync(join(tmpdir(), 'flow-home-'));
  const startedMs = performance.now();
  const child = Bun.spawn([...(options.program ?? [process.execPath, MAIN]), ...argv], {
    env: { ...plainEnvironment(home), ...options.environment },
    stdin: options.input === undefined ? 'ignore' : Buffer.from(options.input),
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  const { signalAt, actAt } = options;
  const awaited = signalAt ? { text: signalAt.text, act: () => child.kill(signalAt.signal) } : actAt;
  let seen = '';
  let hasActed = false;
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      const part = decoder.decode(bytes, { stream: true });
      text += part;
      seen += part;
      if (!awaited || hasActed || !seen.includes(awaited.text)) continue;
      hasActed = true;
      awaited.act();
    }
    return text;
  };
  try {
    const [stdout, stderr, code] = await Promise.all([collect(child.stdout), collect(child.stderr), child.exited]);
    return { code, stdout, stderr, ms: performance.now() - startedMs };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
