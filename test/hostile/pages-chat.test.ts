/**
 * S-27, S-28, S-32: hostile questions, titles, answers, thoughts and tool calls in the chat, while they are written and
 * when they are read again; nothing in them is fetched. What Markdown becomes: test/pages/chat/markdown.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { isObject } from '#src/json.ts';
import { until } from '#test/support/running-flow.ts';
import { seeOnly, stillLives, throughHtmx } from './support/looks.ts';
import { cast, type Role } from './support/request-sinks.ts';
import { openWorld, type World } from './support/world.ts';

const MOST = 100;
const SETTINGS = { rival: '', temperature: '', top_p: '', max_tokens: '', thinking: 'auto', tools: 'on' };

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await cast(world);
}, 180_000);
afterAll(() => world?.[Symbol.asyncDispose]());

/** Makes a conversation by the form of the page, and says where it is. */
async function begin(model: Role, text: string, system = ''): Promise<string> {
  expect(await world.post('/chat/settings', { ...SETTINGS, model, system })).toBeLessThan(400);
  const before = await conversations();
  expect(await world.post('/chat/questions', { text })).toBeLessThan(400);
  const id = (await conversations()).find((one) => !before.includes(one));
  return `/chat/${id}`;
}

async function conversations(): Promise<readonly string[]> {
  const { body } = await world.flow.json('/api/conversations');
  const listed = Array.isArray(body.conversations) ? body.conversations.filter(isObject) : [];
  return listed.map(({ id }) => String(id));
}

/** Until nothing is being written any more. */
const settled = () =>
  until('the answers', async () => {
    const { body } = await world.flow.json('/api/requests');
    return !/"stage":"(?:queued|loading|prefilling|generating|sending)"/.test(JSON.stringify(body));
  });

const textsOf = (sink: string) => world.corpus(sink).map(({ text }) => text);

test('S-27: questions are shown as they were asked, and their beginnings as titles', async () => {
  const asked = await begin('plain', textsOf('question').join('\n\n'), textsOf('system').join('\n'));
  for (const { text } of world.corpus('title').filter((_, index) => index % 3 === 0)) {
    const place = await begin('plain', 'A title follows.');
    expect(await world.post(`${place}/name`, { title: text.slice(0, 200) })).toBeLessThan(400);
  }
  await settled();
  await using attacked = await world.open(asked);
  await seeOnly(world, attacked, { question: MOST, system: MOST, title: 20 }, 'any');
  await stillLives(attacked);
}, 180_000);

test('S-27: a title is text in the tab, in its drawer and in the file that it names', async () => {
  const [hostile] = world.corpus('tab').filter(({ text }) => text.includes('</title>'));
  const place = await begin('plain', 'Name me.');
  await world.post(`${place}/name`, { title: hostile?.text ?? '' });
  await using attacked = await world.open(place);
  expect(await attacked.page.title()).toContain(hostile?.text ?? 'nothing');
  await throughHtmx(attacked, '#drawer', [`${place}/name`]);
  for (const format of ['md', 'json']) {
    const answer = await fetch(`${world.flow.url}${place}/export/${format}`);
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="[\p{L}\p{N} ._-]+"$/u);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    await answer.body?.cancel();
  }
});

test('S-32: an answer with images, links and markup is read while it comes; nothing is fetched', async () => {
  const place = await begin('plain', 'First.');
  await settled();
  await using attacked = await world.open(place);
  await world.post(`${place}/settings`, { ...SETTINGS, model: 'speaker', system: '' });
  await world.post(`${place}/questions`, { text: 'Speak.' });
  await settled();
  // Its last word has come, so that all before it has been shown on the way; of thoughts only the end until it is done.
  const last = world.corpus('answer').at(-1)?.mark ?? '';
  await attacked.page.waitForFunction(
    (mark) =>
      document.body.textContent?.includes(mark) && document.querySelector('.turn[data-state=answering]') === null,
    last,
  );
  await seeOnly(world, attacked, { answer: MOST, thought: MOST }, 'any');
  await stillLives(attacked);
  await using again = await world.open(place);
  await seeOnly(world, again, { answer: MOST, thought: MOST }, 'any');
  const links = await again.page.locator('.prose a').evaluateAll((all) => all.map((link) => link.getAttribute('rel')));
  expect(links.filter((rel) => rel !== 'noopener noreferrer nofollow')).toEqual([]);
}, 180_000);

test('S-27: calls of tools are shown with their names and arguments, and so is what was sent and came', async () => {
  const place = await begin('caller', 'Call.');
  await settled();
  await using attacked = await world.open(place);
  await seeOnly(world, attacked, { call: MOST }, 'any');
  const turns = await attacked.page
    .locator('[hx-get$="/raw"]')
    .evaluateAll((all) => all.map((one) => one.getAttribute('hx-get') ?? ''));
  expect(turns.length).toBeGreaterThan(0);
  await throughHtmx(attacked, '#drawer', turns);
  await seeOnly(world, attacked, { call: MOST }, 'any');
});

test('S-27: what an engine says when it refuses is text in the answer’s place', async () => {
  const place = await begin('refuser', 'Refuse.');
  await settled();
  await using attacked = await world.open(place);
  await seeOnly(world, attacked, { refusal: 1 }, 'any');
});

test('S-27: words that were searched for are only words', async () => {
  await using attacked = await world.open('/chat?q=%22%3E%3Cimg%20pwned%20src%3D%2Fcanary%2Fq%3E');
  await seeOnly(world, attacked, {});
  const addresses = world.corpus('title').map(({ mark }) => `/chat/search?q=${encodeURIComponent(mark)}`);
  await throughHtmx(
    attacked,
    '#drawer',
    addresses.filter((_, index) => index % 9 === 0),
  );
});
