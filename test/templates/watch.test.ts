/** When templates are checked by themselves, and when somebody is told. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import type { Model } from '#src/models/model.ts';
import { Renderer } from '#src/templates/renderer.ts';
import { TemplateBook } from '#src/templates/template-book.ts';
import { watchTemplates } from '#src/templates/watch.ts';
import { someModel } from '#test/engines/support/plan.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { chatml } from './support/broken.ts';

let folder: string;
let renderer: Renderer;
let book: TemplateBook;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-watch-'));
  renderer = new Renderer({ clock: systemClock });
  book = new TemplateBook({ renderer, factsOf: () => null });
});
afterEach(() => {
  renderer[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

function house(template: string, differences: Partial<Model> = {}) {
  writeFileSync(join(folder, 'chat_template.jinja'), template);
  const model = someModel(folder, { format: 'mlx', ...differences });
  const bus = new Bus();
  const notices: string[] = [];
  bus.subscribe((event) => {
    if (event.type === 'notice') notices.push(event.text);
  });
  let isStarting = false;
  const unwatch = watchTemplates({ bus, book, findModel: () => model, isStarting: () => isStarting });
  const load = async () => {
    isStarting = true;
    bus.publish({ type: 'model-changed', modelId: model.id });
    await book.check(model);
    isStarting = false;
  };
  return { model, bus, notices, load, unwatch };
}

test('a model that is added is checked in the background, and nobody is told', async () => {
  const { model, bus, notices } = house('{{ 1');
  bus.publish({ type: 'model-added', modelId: model.id });
  await waitUntil('the verdict', () => book.known(model));
  expect(book.known(model)?.isValid).toBe(false);
  expect(notices).toEqual([]);
});

test('a load of a model whose template is broken says so once, by the first error', async () => {
  const { model, notices, load } = house('{{ 1');
  await load();
  await load();
  const says = 'It is not valid Jinja, so no prompt can be made with it.';
  await waitUntil('the notice', () => notices.length > 0);
  expect(notices).toEqual([`The chat template of ${model.id}: ${says}`]);
});

test('a load of a model whose template is sound, or only odd, says nothing', async () => {
  const { notices, load } = house(chatml({ tools: '' }));
  await load();
  expect(notices).toEqual([]);
});

test('a text is rendered once, however often and for how many models it is asked', async () => {
  const { model } = house(chatml());
  const [one, two] = await Promise.all([book.check(model), book.check({ ...model, id: 'other' })]);
  expect(one[0]?.verdict).toBe(two[0]?.verdict as never);
  expect(book.known(model)).toBe(one[0]?.verdict as never);
});

test('a template whose process was ended is tried again when somebody asks', async () => {
  const { model } = house(chatml());
  await renderer.render('a', [{}]);
  const asked = book.check(model);
  if (renderer.pid !== null) process.kill(renderer.pid, 'SIGKILL');
  expect((await asked)[0]?.verdict.findings.map(({ kind }) => kind)).toEqual(['memory']);
  expect(book.known(model)?.isValid).toBe(false);
  expect((await book.check(model))[0]?.verdict.isValid).toBe(true);
  expect(book.known(model)?.isValid).toBe(true);
});

test('the demo is not checked by itself, and nothing is after the watch ended', async () => {
  const demo = house('{{ 1', { isDemo: true });
  demo.bus.publish({ type: 'model-added', modelId: demo.model.id });
  const ended = house('{{ 2');
  ended.unwatch();
  ended.bus.publish({ type: 'model-added', modelId: ended.model.id });
  expect(renderer.pid).toBeNull();
});
