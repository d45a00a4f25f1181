// The fake engine speaks as the real one does: the same fields at the same places, so that tests on it mean something.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { isObject } from '#src/json.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { type EngineProcess, spawnEngine } from '#src/supervision/process.ts';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { freePort } from '#test/support/free-port.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-fake-'));
const children: EngineProcess[] = [];
const fake = makeFakeEngine(root);
let urls: { real: string; fake: string };

beforeAll(async () => {
  const model = join(root, 'demo.gguf');
  await makeDemoModel(model);
  const { executable, libraryPath } = realEngine();
  urls = {
    real: await serve(executable, model, libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath }),
    fake: await serve(fake.executable, model, {}),
  };
});

afterAll(async () => {
  for (const child of children) {
    child.signal('SIGKILL');
    await child.ended;
  }
  rmSync(root, { recursive: true, force: true });
});

async function serve(executable: string, model: string, env: Record<string, string>): Promise<string> {
  const port = freePort();
  let isReady = false;
  const argv = [executable, '-m', model, '--port', String(port), '-c', '2048', '-np', '2', '--slots', '--metrics'];
  const child = spawnEngine({
    command: { argv, env: { PATH: process.env.PATH ?? '', LLAMA_API_KEY: 'k', ...env } },
    nonce: crypto.randomUUID(),
    clock: systemClock,
    onLine: (line) => {
      if (line.includes('model loaded')) isReady = true;
    },
    onDropped: () => {},
  });
  children.push(child);
  await waitUntil('the engine', () => isReady);
  return `http://127.0.0.1:${port}`;
}

async function ask(url: string, path: string, body?: object, key = 'k') {
  // llama-server closes a connection after a stream without saying so: the next question would meet that end.
  const init = { keepalive: false, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } };
  const post = body ? { method: 'POST', body: JSON.stringify(body) } : {};
  const response = await fetch(`${url}${path}`, { ...init, ...post });
  return { status: response.status, text: await response.text() };
}

/** A value's shape: every path with the type at its end; numbers and texts are free. */
function shape(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [`${path}[]`] : shape(value[0], `${path}[]`);
  if (!isObject(value)) return [`${path}: ${value === null ? 'null' : typeof value}`];
  return Object.entries(value)
    .flatMap(([name, inner]) => shape(inner, `${path}.${name}`))
    .sort();
}

/** The kinds of events of a stream, each once, in the order of their first appearance. */
function eventShapes(text: string): string[] {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: {'));
  return [...new Set(events.map((event) => shape(JSON.parse(event.slice(6))).join('\n')))];
}

const messages = [{ role: 'user', content: 'hello there' }];

test.each([
  ['progress and usage', { return_progress: true, stream_options: { include_usage: true } }],
  ['nothing asked for', {}],
])('a streamed chat with %s has the same events', async (_, wishes) => {
  const body = { messages, stream: true, max_tokens: 4, temperature: 0, ...wishes };
  const [real, made] = [
    await ask(urls.real, '/v1/chat/completions', body),
    await ask(urls.fake, '/v1/chat/completions', body),
  ];
  expect(eventShapes(made.text)).toEqual(eventShapes(real.text));
  expect(made.text).toEndWith('data: [DONE]\n\n');
  expect(real.text).toEndWith('data: [DONE]\n\n');
});

test.each([
  ['/v1/chat/completions', { messages, max_tokens: 4 }],
  ['/v1/completions', { prompt: 'hello', max_tokens: 4 }],
  ['/v1/chat/completions/input_tokens', { messages }],
  ['/tokenize', { content: 'hello' }],
  ['/health', undefined],
])('the answer of %s has the same fields', async (path, body) => {
  const [real, made] = [await ask(urls.real, path, body), await ask(urls.fake, path, body)];
  expect(made.status).toBe(real.status);
  expect(shape(JSON.parse(made.text))).toEqual(shape(JSON.parse(real.text)));
});

test('a streamed text completion has the same events', async () => {
  const body = { prompt: 'hello', stream: true, max_tokens: 4 };
  const [real, made] = [await ask(urls.real, '/v1/completions', body), await ask(urls.fake, '/v1/completions', body)];
  expect(eventShapes(made.text)).toEqual(eventShapes(real.text));
});

test.each([
  ['an unknown path', '/nope', undefined, 'k'],
  ['a wrong key', '/props', undefined, 'wrong'],
] as const)('%s is refused alike', async (_, path, body, key) => {
  const [real, made] = [await ask(urls.real, path, body, key), await ask(urls.fake, path, body, key)];
  expect(made.status).toBe(real.status);
  expect(shape(JSON.parse(made.text))).toEqual(shape(JSON.parse(real.text)));
});

test('512 streams at once all end well', async () => {
  const body = { messages, stream: true, fake: { tokens: 64 } };
  const crowd = Array.from({ length: 512 }, () => ask(urls.fake, '/v1/chat/completions', body));
  const answers = await Promise.all(crowd);
  expect(answers.filter(({ text }) => text.endsWith('data: [DONE]\n\n'))).toHaveLength(512);
});
