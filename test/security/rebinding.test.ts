/**
 * S-02, S-07: pages of somebody else in a real browser: one whose name has come to lead here, so that the browser takes
 * Flow for its own server, and one that only makes the browser look. The rules: host.test.ts, cross-site.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Browser } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import { type FrontDoor, openFrontDoor, pathFor } from './support/front-door.ts';

const NAME = 'rebound.example';
/** Without what this browser does by itself against local addresses: others do not. */
const SWITCHES = [
  `--host-resolver-rules=MAP ${NAME} 127.0.0.1`,
  '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
];
let door: FrontDoor;
let browser: Browser;
beforeAll(async () => {
  [door, browser] = await Promise.all([openFrontDoor(), openBrowser(SWITCHES)]);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await door?.[Symbol.asyncDispose]();
});

/** All that a script can try on its own origin; what each attempt read. */
async function readAll(): Promise<Record<string, string>> {
  const got: Record<string, string> = {};
  const json = { 'content-type': 'application/json' };
  const ask = async (path: string, init: RequestInit = {}): Promise<void> => {
    const name = `${init.method ?? 'GET'} ${path}`;
    got[name] = await fetch(path, init).then(
      async (answer) => `${answer.status} ${await answer.text()}`,
      () => 'nothing',
    );
  };
  const once = (name: string, begin: (done: (what: string) => void) => void): Promise<void> =>
    new Promise((resolve) => {
      const finish = (what: string): void => {
        got[name] = what;
        resolve();
      };
      begin(finish);
      setTimeout(finish, 5_000, 'nothing');
    });
  for (const path of ['/', '/api/models', '/v1/models', '/metrics', '/health', '/public/js/palette.js', '/api/keys'])
    await ask(path);
  await ask('/api/settings', { method: 'PATCH', headers: json, body: '{"queue_limit":7}' });
  await ask('/api/keys', { method: 'POST', headers: json, body: '{"name":"rebound","scopes":["manage"]}' });
  await ask('/api/models/flow-demo', { method: 'DELETE' });
  await ask('/settings/field', { method: 'POST', body: new URLSearchParams({ name: 'queue_limit', value: '7' }) });
  for (const path of ['/api/events', '/live']) {
    await once(`events ${path}`, (done) => {
      const events = new EventSource(path);
      events.onmessage = ({ data }) => done(String(data));
      events.addEventListener('snapshot', ({ data }) => done(String(data)));
      events.onerror = () => done('nothing');
    });
  }
  for (const path of ['/ws', '/live']) {
    await once(`socket ${path}`, (done) => {
      const socket = new WebSocket(`ws://${location.host}${path}`);
      socket.onmessage = ({ data }) => done(String(data));
      socket.onerror = () => done('nothing');
    });
  }
  await once('image', (done) => {
    const image = document.body.appendChild(document.createElement('img'));
    image.onload = () => done(`${image.naturalWidth} wide`);
    image.onerror = () => done('nothing');
    image.src = '/public/icons/maskable-512.png';
  });
  await once('script', (done) => {
    const script = document.head.appendChild(document.createElement('script'));
    script.onload = () => done('ran');
    script.onerror = () => done('nothing');
    script.src = '/public/js/palette.js';
  });
  await once('frame', (done) => {
    const frame = document.body.appendChild(document.createElement('iframe'));
    frame.name = 'held';
    frame.onload = () => {
      const form = document.body.appendChild(document.createElement('form'));
      Object.assign(form, { method: 'post', action: '/settings/field', target: 'held' });
      frame.onload = () => {
        const text = frame.contentDocument?.body?.textContent ?? '';
        done(text === '' ? 'nothing' : text);
      };
      form.submit();
    };
    frame.src = '/';
  });
  return got;
}

test('S-02: a page whose name has come to lead here reads nothing and changes nothing', async () => {
  const before = door.state();
  const context = await browser.newContext();
  const page = await context.newPage();
  const origin = `http://${NAME}:${door.port}`;
  // The page itself was loaded before the name changed its meaning; whatever it asks for now goes to Flow.
  await page.route(`${origin}/attack`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
  await page.goto(`${origin}/attack`);
  const got = await page.evaluate(readAll);
  await context.close();
  expect(Object.keys(got).length).toBeGreaterThan(15);
  const read = Object.entries(got).filter(
    ([, what]) => what !== 'nothing' && !/^(?:403 .*)?\{"error":\{"kind":"forbidden"/.test(what),
  );
  // A frame shows the refusal as the text that it is.
  expect(read.filter(([, what]) => !/^(?:403 )?The Host header names somebody else\./.test(what))).toEqual([]);
  expect(JSON.stringify(Object.values(got))).not.toMatch(/flow-demo|queue_limit|data-version/);
  expect(door.state()).toEqual(before);
}, 180_000);

test('S-07: a page that makes the browser look at every address changes nothing', async () => {
  const before = door.state();
  const paths = door.routes
    .filter(({ method, path }) => method === 'GET' && !path.startsWith('/public'))
    .map((route) => door.url + pathFor(route, 'flow-demo'));
  const images = paths.map((path) => `<img src="${path}"><link rel="prefetch" href="${path}">`).join('');
  const stranger = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => new Response(`<!doctype html>${images}`, { headers: { 'content-type': 'text/html' } }),
  });
  const context = await browser.newContext();
  const page = await context.newPage();
  const asked = new Set<string>();
  page.on('request', (request) => void asked.add(request.url()));
  await page.goto(`http://localhost:${stranger.port}`, { waitUntil: 'domcontentloaded' });
  for (const path of ['/', '/models', '/setup', '/models/flow-demo', '/upstream/flow-demo/props', '/api/models']) {
    const body = `<form action="${door.url}${path}"><input name="delete" value="1"></form>`;
    await page.evaluate((html) => {
      document.body.innerHTML += html;
      document.querySelector('form')?.submit();
    }, body);
    await page.waitForURL((url) => url.href.startsWith(door.url), { waitUntil: 'commit' });
    await page.goto(`http://localhost:${stranger.port}`, { waitUntil: 'domcontentloaded' });
  }
  await context.close();
  await stranger.stop(true);
  expect(paths.filter((path) => asked.has(path)).length).toBeGreaterThan(50);
  expect(door.state()).toEqual(before);
}, 180_000);
