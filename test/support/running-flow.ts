/** A whole Flow as a process of its own, as users run it: for tests that go through the front door. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOCAL_KEY_HEADER, readLocalKey } from '#src/store/local-key.ts';
import { judge } from './referee.ts';

const MAIN = join(import.meta.dir, '..', '..', 'src', 'main.ts');
const READY = /Flow is listening on (http:\/\/\S+)/;
const START_MS_MAX = 20_000;
/** More than the engines of one file; each runner of files has its own. */
const ENGINE_PORTS = 1_000;
const ENGINE_PORT_FIRST = 20_081;

export type RunningFlow = AsyncDisposable & {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  /** From spawn to the ready line. */
  readonly startMs: number;
  /** Everything written to stderr and stdout so far. */
  output(): string;
  /** GET, or POST with a JSON body; as the user whom it runs for, who may register any file. */
  json(path: string, body?: unknown, method?: string): Promise<{ status: number; body: Record<string, unknown> }>;
  exited: Promise<number>;
  kill(signal?: NodeJS.Signals): void;
};

export type FlowOptions = {
  /** What to start instead of the sources: the program and its first arguments. */
  readonly program?: readonly string[];
  /** Kept after the end when given; else a new one that is removed. */
  readonly dataDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** The llama-server to use; null leaves it to Flow to find one. */
  readonly engine?: string | null;
  /** How many files Flow may have open; as many as this process when absent. */
  readonly filesMax?: number;
  /** The test damages what the referee looks at, or provokes a mistake. */
  readonly isSpoilt?: boolean;
};

/** Starts Flow on a free port and waits for its ready line. Throws with its output when it ends before. */
export async function startFlow(options: FlowOptions = {}): Promise<RunningFlow> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'flow-test-'));
  const startedMs = performance.now();
  const child = Bun.spawn(commandOf(options, dataDir), {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: dataDir,
      FLOW_LOG: 'info',
      // Files side by side would take each other's ports between a look and an engine's start.
      FLOW_ENGINE_PORT: String(ENGINE_PORT_FIRST + ENGINE_PORTS * (Number(process.env.BUN_TEST_WORKER_ID ?? 0) % 10)),
      ...(options.engine ? { FLOW_LLAMA_SERVER: options.engine } : {}),
      ...options.environment,
    },
    // Users start `flow` anywhere; what only works in the repository does not work.
    cwd: dataDir,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  let onReady: (url: string) => void = () => {};
  const ready = new Promise<string>((resolve) => {
    onReady = resolve;
  });
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      text += decoder.decode(bytes, { stream: true });
      const url = READY.exec(text)?.[1];
      if (url) onReady(url);
    }
  };
  void read(child.stdout);
  void read(child.stderr);
  const url = await Promise.race([
    ready,
    child.exited.then((code) => Promise.reject(new Error(`Flow ended with ${code} before it was ready:\n${text}`))),
    Bun.sleep(START_MS_MAX).then(() =>
      Promise.reject(new Error(`Flow was not ready within ${START_MS_MAX} ms:\n${text}`)),
    ),
  ]);
  const startMs = performance.now() - startedMs;
  return {
    url,
    pid: child.pid,
    dataDir,
    startMs,
    output: () => text,
    exited: child.exited,
    kill: (signal = 'SIGTERM') => child.kill(signal),
    async json(path, body, method = body === undefined ? 'GET' : 'POST') {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          [LOCAL_KEY_HEADER]: readLocalKey(dataDir) ?? '',
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const answer = await response.text();
      return { status: response.status, body: answer.startsWith('{') ? JSON.parse(answer) : { value: answer } };
    },
    async [Symbol.asyncDispose]() {
      const judgement = await judge({ url, pid: child.pid, dataDir, output: () => text });
      child.kill('SIGTERM');
      const isGone = await Promise.race([child.exited.then(() => true), Bun.sleep(15_000).then(() => false)]);
      if (!isGone) child.kill('SIGKILL');
      await child.exited;
      const troubles = [...judgement.troubles, ...(await judgement.afterwards())];
      if (!options.dataDir) rmSync(dataDir, { recursive: true, force: true });
      const judged = options.isSpoilt ? [] : troubles;
      if (judged.length > 0) throw new Error(`At the end of this Flow: ${judged.join('; ')}. Its log:\n${text}`);
    },
  };
}

function commandOf({ program = ['bun', MAIN], flags = [], filesMax }: FlowOptions, dataDir: string): string[] {
  const command = [...program, 'serve', '--port', '0', '--data-dir', dataDir, ...flags];
  return filesMax === undefined ? command : ['sh', '-c', `ulimit -n ${filesMax}; exec "$@"`, 'sh', ...command];
}

/** Asks again and again until the answer is there. Throws with `what` after `withinMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  withinMs = 30_000,
): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > endMs) throw new Error(`Not seen within ${withinMs} ms: ${what}`);
    await Bun.sleep(20);
  }
}

/** How often a model was loaded, by its log; that a port was taken and another one tried is no load of its own. */
export async function loadsOf(flow: RunningFlow, modelId: string): Promise<number> {
  const { body } = await flow.json(`/api/logs?model_id=${encodeURIComponent(modelId)}&lines=2000`);
  return (body.logs as string[]).filter((line) => line.endsWith('Loading.')).length;
}
