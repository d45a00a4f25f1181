/** What must be true of every page, whatever it shows. */
import type { Page } from 'playwright-core';
import { allowProbe } from './browser.ts';

const AXE = await Bun.file(Bun.resolveSync('axe-core/axe.min.js', import.meta.dir)).text();

/** Rules of axe that the page, or the part of it that `selector` names, breaks; with the elements that do. */
export async function axeViolations(page: Page, selector: string | null = null): Promise<readonly string[]> {
  allowProbe(page);
  const scope = selector === null ? 'document' : JSON.stringify(selector);
  // As an expression of the debugger, which the page's own policy does not refuse as it would a script element.
  const found: unknown = await page.evaluate(`(() => { ${AXE};
    return axe.run(${scope}, { resultTypes: ['violations'], preload: false })
      .then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map((node) => node.html).join(' ')));
  })()`);
  return Array.isArray(found) ? found.map(String) : [];
}

/** Whether something is wider than the window, so that the page scrolls sideways. */
export function scrollsSideways(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}
