/**
 * S-27: what a hub says of repositories and files, what it refuses with, downloads with hostile names, and what engines
 * of others call their models, on the pages that get and import models.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { seeOnly, stillLives, throughHtmx } from './support/looks.ts';
import { asFileName, openWorld, type World } from './support/world.ts';

const REPOSITORY = 'acme/hostile-GGUF';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  const texts = (sink: string) => world.corpus(sink).map(({ text }) => text);
  const words = texts('card');
  const files = texts('path').map((text, index) => ({
    path: asFileName(text, `-${index}-Q4_K_M.gguf`),
    bytes: new Uint8Array(64),
  }));
  const readme = { path: 'README.md', bytes: Buffer.from(texts('readme').join('\n\n')), isLarge: false };
  const [task = '', library = ''] = words;
  const card = {
    license: words[2],
    base_model: words.slice(3, 9),
    language: words,
    license_name: words[10],
    tags: words,
  };
  world.hub.put({ id: REPOSITORY, files: [readme, ...files], tags: texts('tag'), task, library, card, likes: 7 });
  for (const [index, tag] of texts('tag').entries()) {
    if (index % 5 === 0) world.hub.put({ id: `acme/m${index}`, tags: [tag, 'gguf'], task: tag, library: tag });
  }
}, 180_000);
afterAll(() => world?.[Symbol.asyncDispose]());

test('S-27: what was found is text, also while one types', async () => {
  await using attacked = await world.open('/models/get');
  await attacked.page.waitForSelector('.found__one');
  await attacked.page.locator('#get-q').pressSequentially('m1<img pwned>');
  await attacked.page.waitForFunction(() => document.querySelectorAll('.found__one').length === 0);
  await attacked.page.fill('#get-q', 'm');
  await attacked.page.waitForSelector('.found__one');
  await seeOnly(world, attacked, {}, 'any');
  await stillLives(attacked);
}, 180_000);

test('S-27: a repository’s card and the names of its files are text', async () => {
  await using attacked = await world.open(`/models/get?repo=${REPOSITORY}`);
  await attacked.page.waitForSelector('#get-fits');
  await seeOnly(world, attacked, { readme: 5 }, 'any');
}, 180_000);

test('S-27: refusals of the hub stand in the place of the answer, as they came', async () => {
  const latin = world.corpus('refused').filter(({ text }) => /^[\x20-\x7e]{1,300}$/.test(text));
  await using attacked = await world.open('/models/get');
  for (const { text } of latin.filter((_, index) => index % 6 === 0)) {
    world.hub.recover();
    const headers = { 'x-error-message': text, 'x-error-code': 'GatedRepo' };
    world.hub.trouble('/api/models', { kind: 'status', status: 403, headers, body: text });
    await throughHtmx(attacked, '#drawer', [`/models/get/results?q=${encodeURIComponent(text.slice(0, 20))}`]);
  }
  world.hub.recover();
  await seeOnly(world, attacked, {}, 'any');
}, 180_000);

test('S-27: a download with a hostile name is refused, or shown by that name', async () => {
  await using attacked = await world.open('/models/downloads');
  for (const [index, { text }] of world.corpus('path').entries()) {
    if (index % 3 !== 0) continue;
    const filename = asFileName(text, `-${index}-Q4_K_M.gguf`);
    const { status } = await world.flow.json('/api/models/download', { hf_id: REPOSITORY, filename });
    expect(status).toBeLessThan(500);
  }
  await seeOnly(world, attacked, {});
  await stillLives(attacked);
  await using again = await world.open('/models/downloads');
  await seeOnly(world, again, {});
}, 180_000);

test('S-27: what an engine of somebody else calls its models is text, and so is what it refuses with', async () => {
  // Each one is asked for four answers first, so every fourth must do.
  const some = world.corpus('served').filter((_, index) => index % 4 === 1);
  const names = some.map(({ text }) => text);
  const data = names.map((id) => ({ id, object: 'model', owned_by: id }));
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) =>
      request.url.endsWith('/v1/models')
        ? Response.json({ object: 'list', data })
        : Response.json({ error: { message: names.join(' ') } }, { status: 400 }),
  });
  try {
    const base_url = `http://127.0.0.1:${server.port}`;
    await using attacked = await world.open('/models/import');
    const asked = await world.flow.json('/api/connect-external', { base_url });
    expect(asked.status).toBeLessThan(500);
    for (const model_id of names) {
      const { status } = await world.flow.json('/api/connect-external', { base_url, model_id: model_id.slice(0, 500) });
      expect(status).toBeLessThan(500);
    }
    await seeOnly(world, attacked, {});
    for (const path of ['/', '/models', '/models/import', '/chat']) {
      await using page = await world.open(path);
      await seeOnly(world, page, path === '/models/import' ? {} : { served: some.length - 3 });
    }
  } finally {
    await server.stop(true);
  }
}, 180_000);
