/** A page without a mouse. */
import type { Page } from 'playwright-core';

const TABS_MAX = 150;

/** Goes on with Tab until what has the focus is called so; throws with everything that was passed on the way. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  const seen: string[] = [];
  for (let presses = 0; presses < TABS_MAX; presses += 1) {
    const label = await page.evaluate(() => {
      const focused = document.activeElement;
      if (!(focused instanceof HTMLElement) || focused === document.body) return '';
      const labels = 'labels' in focused && focused.labels instanceof NodeList ? [...focused.labels] : [];
      return (
        focused.getAttribute('aria-label') ??
        [...labels, focused].map(({ textContent }) => textContent?.trim()).find((text) => text) ??
        ''
      );
    });
    if (name.test(label)) return;
    seen.push(label);
    await page.keyboard.press('Tab');
  }
  throw new Error(`Nothing called ${name} within ${TABS_MAX} tabs, but: ${seen.join(' | ')}`);
}
