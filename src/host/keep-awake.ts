/** Keeps the computer from falling asleep while requests run: a machine that dozes off in mid-answer helps nobody. */
import type { Clock, Timer } from '#src/clock.ts';
import { toolEnvironment } from '#src/engines/environment.ts';
import type { Bus, FlowEvent } from '#src/events.ts';

export type KeepAwakeParts = {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly isWished: () => boolean;
  readonly openRequests: () => number;
  /** What programs are found and run with. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  /** Hears, once each time, that it could not be done. */
  readonly onRefused: (words: string) => void;
};

/** No computer falls asleep within a second, and the first token need not wait for a program to start. */
const TAKE_AFTER_MS = 1_000;
/** An agent asks again within seconds. */
const RELEASE_AFTER_MS = 10_000;
/** What was refused is not asked for again before this. */
const REFUSED_FOR_MS = 600_000;

type Holder = Bun.Subprocess<'pipe', 'ignore', 'ignore'>;

/** The program that does it on this system; null where none is known. */
export function keepAwakeProgram(platform: NodeJS.Platform): string | null {
  if (platform === 'darwin') return 'caffeinate';
  return platform === 'linux' ? 'systemd-inhibit' : null;
}

/** Holds at most one such program, which ends with Flow however Flow ends. The display may go dark. */
export class KeepAwake implements Disposable {
  readonly #parts: KeepAwakeParts;
  readonly #unsubscribe: () => void;
  #held: Holder | null = null;
  #taking: Timer | null = null;
  #releasing: Timer | null = null;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(parts: KeepAwakeParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.bus.subscribe((event) => this.#hear(event));
  }

  /** The process that holds the computer awake, or null. */
  get pid(): number | null {
    return this.#held?.pid ?? null;
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#taking?.[Symbol.dispose]();
    this.#releasing?.[Symbol.dispose]();
    this.#release();
  }

  #hear({ type }: FlowEvent): void {
    if (type === 'settings-changed' && !this.#parts.isWished()) this.#release();
    if (type !== 'request-changed') return;
    if (this.#parts.openRequests() > 0) {
      this.#releasing?.[Symbol.dispose]();
      this.#releasing = null;
      if (this.#held === null) this.#taking ??= this.#parts.clock.after(TAKE_AFTER_MS, () => this.#take());
    } else if (this.#held !== null || this.#taking !== null) {
      this.#releasing ??= this.#parts.clock.after(RELEASE_AFTER_MS, () => this.#release());
    }
  }

  #take(): void {
    this.#taking = null;
    const { clock, isWished } = this.#parts;
    if (this.#held !== null || !isWished() || clock.monotonicMs() < this.#notBeforeMs) return;
    const argv = this.#argv();
    if (argv === null) {
      this.#notBeforeMs = clock.monotonicMs() + REFUSED_FOR_MS;
      return;
    }
    try {
      const env = toolEnvironment(this.#parts.environment);
      const holder = Bun.spawn([...argv], { stdio: ['pipe', 'ignore', 'ignore'], env });
      this.#held = holder;
      holder.unref();
      void holder.exited.then((code) => this.#ended(holder, code));
    } catch (cause) {
      this.#refused(cause instanceof Error ? cause.message : String(cause));
    }
  }

  #argv(): readonly string[] | null {
    const { platform = process.platform, environment } = this.#parts;
    const path = { PATH: environment.PATH ?? '' };
    const name = keepAwakeProgram(platform);
    const program = name === null ? null : Bun.which(name, path);
    if (program === null) return null;
    // -i: idle sleep only. -w: it ends with Flow.
    if (name === 'caffeinate') return [program, '-i', '-w', String(process.pid)];
    // Its own end would leave what it runs behind: that reads a pipe of Flow's to its end, so both go when Flow does.
    const reader = Bun.which('cat', path);
    const words = ['--what=sleep:idle', '--who=Flow', '--why=A model is answering', '--mode=block'];
    return reader === null ? null : [program, ...words, reader];
  }

  /** It ended by itself: refused (no rights, no login manager), or ended by somebody. */
  #ended(holder: Holder, code: number): void {
    if (this.#held !== holder) return;
    this.#held = null;
    this.#refused(`it ended with code ${code}`);
  }

  #refused(why: string): void {
    const { clock, platform = process.platform, onRefused } = this.#parts;
    this.#notBeforeMs = clock.monotonicMs() + REFUSED_FOR_MS;
    onRefused(`${keepAwakeProgram(platform)} does not keep this computer awake: ${why}`);
  }

  #release(): void {
    this.#releasing = null;
    const held = this.#held;
    this.#held = null;
    if (held === null) return;
    // A pipe that is closed already is all the same.
    void Promise.resolve(held.stdin.end()).catch(() => {});
    held.kill('SIGTERM');
  }
}
