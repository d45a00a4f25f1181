/** What pages of tests did that a healthy page never does. Every test fails on it, whether it looks or not. */

/** One page's troubles, in words. */
export class PageTroubles {
  readonly list: string[] = [];
  readonly #expected: readonly RegExp[];
  #isProbed = false;

  constructor(expected: readonly RegExp[]) {
    this.#expected = expected;
    unsettled.add(this);
  }

  /** From now on a tool that tries inline styles runs in this page: the policy's refusals of them are its own. */
  probe(): void {
    this.#isProbed = true;
  }

  note(trouble: string): void {
    if (this.#isProbed && trouble.includes('inline style')) return;
    if (!this.#expected.some((pattern) => pattern.test(trouble))) this.list.push(trouble);
  }
}

const unsettled = new Set<PageTroubles>();

/** The troubles of all pages since this was last called. Pages that are still open are looked at again. */
export function settleTroubles(): readonly string[] {
  return [...unsettled].flatMap(({ list }) => list.splice(0));
}
