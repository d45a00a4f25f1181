/** What the clients of a soak met: counts by kind of client and by how it ended, and the first of what was wrong. */

/**
 * `done`: as it should be. `told`: refused or ended with a reason, as after a crash. `left`: by the client itself.
 * `wrong`: never right: a stream without an end, an answer that cannot be read, a wait without bound.
 */
export type Ending = 'done' | 'told' | 'left' | 'wrong';

const WRONGS_MAX = 20;

/** Counts; shared by all clients. */
export class Tally {
  readonly #counts = new Map<string, Map<Ending, number>>();
  /** The first things that were wrong, in words. */
  readonly wrongs: string[] = [];
  readonly #reasons = new Map<string, number>();

  count(kind: string, ending: Ending, reason = ''): void {
    const counts = this.#counts.get(kind) ?? new Map<Ending, number>();
    counts.set(ending, (counts.get(ending) ?? 0) + 1);
    this.#counts.set(kind, counts);
    if (ending === 'wrong' && this.wrongs.length < WRONGS_MAX) this.wrongs.push(`${kind}: ${reason}`);
    if (ending === 'told') this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  of(ending: Ending): number {
    return [...this.#counts.values()].reduce((total, counts) => total + (counts.get(ending) ?? 0), 0);
  }

  /** A row for each kind of client. */
  get rows(): readonly { kind: string; done: number; told: number; left: number; wrong: number }[] {
    return [...this.#counts].map(([kind, counts]) => ({
      kind,
      done: counts.get('done') ?? 0,
      told: counts.get('told') ?? 0,
      left: counts.get('left') ?? 0,
      wrong: counts.get('wrong') ?? 0,
    }));
  }

  /** What clients were told, most often first. */
  get reasons(): readonly { reason: string; count: number }[] {
    return [...this.#reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
  }
}
