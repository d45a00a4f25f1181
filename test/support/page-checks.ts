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

/** Counts what a page transfers from now on, as it travels: to be called before it is visited. */
export async function weigh(page: Page): Promise<{ bytes(): number }> {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  return { bytes: () => bytes };
}

/** Forms of which a field's name stands before something that morphing calls or reads: `<input name="remove">`. */
export function shadowingForms(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const used = ['remove', 'id', 'children', 'firstChild', 'nextSibling', 'attributes', 'setAttribute', 'tagName'];
    return [...document.forms].flatMap((form) =>
      used
        .filter((name) => Object.hasOwn(form, name) || form.elements.namedItem(name) !== null)
        .map((name) => `${form.getAttribute('action')} ${name}`),
    );
  });
}

export type Shifts = { readonly sum: number; readonly sources: readonly string[] };

/** Notes what moves from now on though nobody touched it: the sum of Chromium's layout shifts, and what shifted. */
export async function recordShifts(page: Page): Promise<() => Promise<Shifts>> {
  await page.evaluate(`(() => {
    window.shifts = { sum: 0, sources: [] };
    const nameOf = (node) => node?.nodeType === 1
      ? node.tagName.toLowerCase() + (node.id ? '#' + node.id : '') + (node.className ? '.' + node.className : '')
      : String(node?.nodeName);
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        window.shifts.sum += entry.value;
        const moved = entry.sources.map(({ node, previousRect, currentRect }) =>
          nameOf(node) + ' ' + [previousRect, currentRect].map((r) => [r.x, r.y, r.width, r.height].join(' '))
            .join(' to '));
        window.shifts.sources.push(entry.value.toFixed(4) + ': ' + moved.join(', '));
      }
    }).observe({ type: 'layout-shift' });
  })()`);
  return () => page.evaluate('window.shifts');
}

/** What somebody is in the middle of, and would be cross to lose. */
export type Work = {
  readonly text: string | null;
  readonly selection: readonly (number | null)[];
  readonly focus: string;
  /** The summaries of open details. */
  readonly open: readonly string[];
  readonly scrolled: number;
};

const WORDS = 'talker';

/** Types into the first field of the page, selects some of it, opens details and scrolls, as far as it has such. */
export async function beginWork(page: Page): Promise<Work> {
  const field = page
    .locator('main :is(textarea, input[type=search], input[type=text], input:not([type])):visible')
    .first();
  if ((await field.count()) > 0) await field.fill(WORDS);
  // What typing sets off has happened: a search is answered, a list is shorter.
  await page.waitForFunction(() => document.querySelector('main .htmx-request') === null);
  await page.evaluate(() => {
    const typed = document.activeElement;
    if (typed instanceof HTMLInputElement || typed instanceof HTMLTextAreaElement) typed.setSelectionRange(2, 6);
    // Not those in rows, which what was typed may have taken off the list.
    const details = [...document.querySelectorAll('main details')].filter((one) => one.closest('table') === null);
    for (const one of details.slice(0, 3)) one.setAttribute('open', '');
    window.scrollTo(0, 80);
  });
  return workOf(page);
}

/** The state of that work now. */
export function workOf(page: Page): Promise<Work> {
  return page.evaluate(() => {
    const typed = document.activeElement;
    const isField = typed instanceof HTMLInputElement || typed instanceof HTMLTextAreaElement;
    const open = [...document.querySelectorAll('main details[open]')].filter((one) => one.closest('table') === null);
    return {
      text: isField ? typed.value : null,
      selection: isField ? [typed.selectionStart, typed.selectionEnd] : [],
      focus: typed?.id ?? '',
      open: open.map((one) => one.querySelector('summary')?.textContent ?? ''),
      scrolled: Math.round(window.scrollY),
    };
  });
}
