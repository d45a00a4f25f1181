/** Keeps what Flow had to tell its user: most of it is said during the start, when nobody listens yet. */
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';

export type Notice = {
  readonly tone: 'info' | 'warning' | 'error';
  readonly text: string;
  /** Wall clock. */
  readonly atMs: number;
};

const NOTICES_MAX = 20;

/** The last twenty notices, each once, at its latest time. Listens from its making, as long as Flow runs. */
export class Notices {
  #notices: readonly Notice[] = [];

  constructor({ bus, clock }: { readonly bus: Bus; readonly clock: Clock }) {
    bus.subscribe((event) => {
      if (event.type !== 'notice') return;
      const others = this.#notices.filter(({ text }) => text !== event.text);
      this.#notices = [...others, { tone: event.tone, text: event.text, atMs: clock.wallMs() }].slice(-NOTICES_MAX);
    });
  }

  /** Oldest first. */
  list(): readonly Notice[] {
    return this.#notices;
  }
}
