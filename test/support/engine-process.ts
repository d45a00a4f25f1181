/** Runs the real llama-server on a model for as long as a test: `await using engine = await startEngine(path)`. */
import { freePort } from './free-port.ts';
import { realEngine } from './real-engine.ts';

const READY_WITHIN_MS = 20_000;
const POLL_MS = 25;

export type EngineProcess = AsyncDisposable & {
  readonly baseUrl: string;
  readonly pid: number;
  /** Everything it has written so far. */
  readonly log: () => string;
};

/** Starts it on a free port, with one thread, and waits until it is healthy. */
export async function startEngine(
  modelPath: string,
  extra: readonly string[] = [],
  port = freePort(),
): Promise<EngineProcess> {
  const { executable, libraryPath } = realEngine();
  const child = Bun.spawn(
    [executable, '-m', modelPath, '--host', '127.0.0.1', '--port', `${port}`, '--jinja', '-t', '1', ...extra],
    {
      env: { PATH: process.env.PATH ?? '', ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}) },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    },
  );
  let log = '';
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const bytes of stream) log += new TextDecoder().decode(bytes);
  };
  const reading = [collect(child.stdout), collect(child.stderr)];
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await child.exited;
    await Promise.all(reading);
  };
  const baseUrl = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await isHealthy(baseUrl))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`The engine did not become ready:\n${log.slice(-3_000)}`);
    }
    await Bun.sleep(POLL_MS);
  }
  return { baseUrl, pid: child.pid, log: () => log, [Symbol.asyncDispose]: stop };
}

async function isHealthy(baseUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${baseUrl}/health`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}
