/**
 * Renders strangers' templates in a process of its own: one at a time, started when it is needed and ended when it was
 * not for a while. A thread of Flow's own process would not do: its memory is Flow's, grows by 1 GB in two seconds, and
 * running out of it ends the whole process (measured on Bun 1.4). A process takes 20 ms to start.
 */
import type { Clock, Timer } from '#src/clock.ts';
import type { JsonObject } from '#src/json.ts';
import { RENDER_COMMAND } from './render-command.ts';
import { type Rendered, type RenderJob, readRendered } from './rendering.ts';

const JOB_MS_MAX = 4_000;
const IDLE_MS = 5_000;
/** Jobs that may wait behind the one that runs. */
const WAITING_MAX = 1_000;

type Job = { readonly work: RenderJob; readonly resolve: (rendered: Rendered) => void };
type Running = { readonly job: Job; readonly timer: Timer };

/** Owns the process. */
export class Renderer implements Disposable {
  readonly #clock: Clock;
  readonly #waiting: Job[] = [];
  #process: ReturnType<typeof Bun.spawn> | null = null;
  #running: Running | null = null;
  #idle: Timer | null = null;
  #isClosed = false;
  #number = 0;

  constructor(parts: { readonly clock: Clock }) {
    this.#clock = parts.clock;
  }

  /**
   * Renders a template in each of the worlds. Never throws: what the template does to its process is an answer. Ends
   * within four seconds of its turn.
   */
  render(template: string, worlds: readonly JsonObject[]): Promise<Rendered> {
    if (this.#isClosed || this.#waiting.length >= WAITING_MAX) return Promise.resolve({ kind: 'ended', why: 'crash' });
    return new Promise((resolve) => {
      this.#waiting.push({ work: { number: ++this.#number, template, worlds }, resolve });
      this.#next();
    });
  }

  /** The process id, or null when none runs; for tests and for people who look. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Ends the process; what waits is answered as ended. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#stop();
    for (const { resolve } of this.#waiting.splice(0)) resolve({ kind: 'ended', why: 'crash' });
    this.#settle({ kind: 'ended', why: 'crash' });
  }

  #next(): void {
    if (this.#running) return;
    const job = this.#waiting.shift();
    if (!job) {
      this.#idle = this.#process ? this.#clock.after(IDLE_MS, () => this.#stop()) : null;
      return;
    }
    this.#idle?.[Symbol.dispose]();
    this.#idle = null;
    const timer = this.#clock.after(JOB_MS_MAX, () => {
      this.#stop();
      this.#settle({ kind: 'ended', why: 'time' });
    });
    this.#running = { job, timer };
    try {
      this.#process ??= this.#start();
      this.#process.send(job.work);
    } catch {
      this.#stop();
      this.#settle({ kind: 'ended', why: 'crash' });
    }
  }

  #start(): ReturnType<typeof Bun.spawn> {
    const child: ReturnType<typeof Bun.spawn> = Bun.spawn([...RENDER_COMMAND], {
      // Nothing of ours: no environment, no folder, no pipe but the one for jobs.
      env: {},
      cwd: '/',
      stdio: ['ignore', 'ignore', 'ignore'],
      serialization: 'json',
      ipc: (message: unknown) => {
        const rendered =
          this.#process === child && this.#running ? readRendered(message, this.#running.job.work.number) : null;
        if (rendered) this.#settle(rendered);
      },
      onExit: ({ signalCode }) => {
        if (this.#process !== child) return;
        this.#process = null;
        // It kills itself when it takes too much; the system's own killer has the same reason.
        this.#settle({ kind: 'ended', why: signalCode === 'SIGKILL' ? 'memory' : 'crash' });
      },
    });
    child.unref();
    return child;
  }

  #settle(rendered: Rendered): void {
    const running = this.#running;
    this.#running = null;
    if (!running) return;
    running.timer[Symbol.dispose]();
    running.job.resolve(rendered);
    this.#next();
  }

  #stop(): void {
    const child = this.#process;
    this.#process = null;
    child?.kill('SIGKILL');
  }
}
