/** Looking at pages that show what was planted: what must be seen there, and that nothing else happens. */
import { expect } from 'bun:test';
import type { Page } from 'playwright-core';
import type { AttackedPage } from './watch.ts';
import type { World } from './world.ts';

/** How many strings of each sink must be seen, at least. */
export type Expected = Readonly<Record<string, number>>;

/** Throws unless the page shows at least that much of what was planted in each sink, and did nothing else. */
export async function seeOnly(
  world: World,
  attacked: AttackedPage,
  expected: Expected,
  linked: 'any' | 'own' = 'own',
): Promise<void> {
  for (const [sink, least] of Object.entries(expected)) {
    const { marked } = await attacked.shown(world.corpus(sink));
    expect({ sink, seen: marked, isEnough: marked >= least }).toEqual({ sink, seen: marked, isEnough: true });
  }
  expect(await attacked.inspect({ linked })).toEqual([]);
  expect(world.elsewhere.visits).toEqual([]);
}

/** Fills an element by htmx with each of these, one after the other, and says what any of them did. */
export async function throughHtmx(
  { page, inspect }: AttackedPage,
  target: string,
  addresses: readonly string[],
): Promise<void> {
  for (const address of addresses) {
    const before = await swap(page, target, address);
    const found = await inspect();
    expect({ address, isFilled: before > 0, found }).toEqual({ address, isFilled: true, found: [] });
  }
}

/** Length of the text that came. */
function swap(page: Page, target: string, address: string): Promise<number> {
  return page.evaluate(
    async ([into, from]) => {
      const { htmx }: { htmx?: { ajax(method: string, url: string, how: object): Promise<void> } } = Object(window);
      await htmx?.ajax('GET', from ?? '', { target: into, swap: 'innerHTML' });
      return document.querySelector(into ?? '')?.textContent?.length ?? 0;
    },
    [target, address],
  );
}

/** A page is true again only when it still hears Flow: its badge is live, and a change made now is shown. */
export async function stillLives({ page }: AttackedPage): Promise<void> {
  expect(await page.getAttribute('#connection', 'data-state')).toBe('live');
  await page.evaluate(() => {
    const { dataset } = document.body;
    dataset.beats = '0';
    document.getElementById('live')?.addEventListener('htmx:sse:before:message', () => {
      dataset.beats = String(Number(dataset.beats) + 1);
    });
  });
  await page.waitForFunction(() => Number(document.body.dataset.beats) > 0);
}
