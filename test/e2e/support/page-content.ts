/** What a page says, in a form in which two copies of it can be compared though they were made at different times. */
import type { Page } from 'playwright-core';

/** What passes or fluctuates by itself: times, ages, and figures of this machine. */
const PASSING = /just now|\d[\d.,:]*\s?(?:GB|MB|kB|B|ms|s|min|h|d|%|tok\/s)?(?![\w-])(?: ago)?/g;
/** One of them, or several: the numbers before them pass. */
const COUNTED = /# (request|mark|memory sample)s?\b/g;
/** What stands there depends on what else runs on this machine, and on whether anybody asked. */
const SURROUNDINGS = '#import-engines';

/** Texts, values of fields and states of what `main`, the status bar and the navigation show, one a line. */
export async function contentOf(page: Page): Promise<readonly string[]> {
  const lines = await page.evaluate((surroundings) => {
    const found: string[] = [];
    for (const element of document.querySelectorAll(surroundings)) element.remove();
    for (const root of document.querySelectorAll('main, .shell__figures, nav')) {
      // biome-ignore lint/performance/useDomNodeTextContent: what is folded away is no part of what the page says.
      if (root instanceof HTMLElement) found.push(...root.innerText.split('\n'));
      for (const field of root.querySelectorAll('input, select, textarea')) {
        if (field instanceof HTMLInputElement && /checkbox|radio/.test(field.type)) {
          found.push(`${field.name} ${field.value} is ${field.checked ? 'on' : 'off'}`);
        } else if ('value' in field) found.push(`${field.getAttribute('name')} holds ${field.value}`);
      }
      for (const element of root.querySelectorAll('[data-phase], [data-stage], [data-state]')) {
        found.push(`${element.id} ${JSON.stringify({ ...(element instanceof HTMLElement ? element.dataset : {}) })}`);
      }
    }
    return found;
  }, SURROUNDINGS);
  return lines
    .map((line) => line.replaceAll(PASSING, '#').replaceAll(COUNTED, '# $1s').trim())
    .filter((line) => line !== '');
}
