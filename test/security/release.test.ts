/**
 * S-14, S-48: what is served and installed is what was meant to be: no developer's routes, pages or maps, no host in
 * the lockfile, no script of a package, and no sink in our own scripts that nobody has looked at.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listen } from '#src/web/listen.ts';
import { rawRequest } from '../support/raw-requests.ts';
import { type FrontDoor, openFrontDoor } from './support/front-door.ts';

const ROOT = join(import.meta.dir, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

let door: FrontDoor;
beforeAll(async () => {
  door = await openFrontDoor();
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
});

test('S-48: no route is there for developers only', () => {
  const paths = door.routes.map(({ path }) => path);
  expect(paths.filter((path) => /debug|\bdev\b|__|\btest\b|swagger|pprof|inspect|_bun/i.test(path))).toEqual([]);
  expect(paths.filter((path) => /\.(?:map|tsx?|env|sqlite|db|lock|patch)$/.test(path))).toEqual([]);
});

test('S-48: no file that is served leads to a source map or to a place on this disk', async () => {
  const files = door.routes.filter(({ method, path }) => method === 'GET' && /^\/(?:public|vendor|sw\.js)/.test(path));
  expect(files.length).toBeGreaterThan(50);
  for (const { path } of files.filter((file) => /\.(?:js|css|svg|html|webmanifest)$/.test(file.path))) {
    const text = await (await fetch(door.url + path)).text();
    expect([path, text.includes('sourceMappingURL'), text.includes(ROOT)]).toEqual([path, false, false]);
  }
});

test('S-48: a failure that nobody expected shows neither a stack nor a page of the runtime', async () => {
  const broken = { routes: [], socketOpened: () => null, fetch: () => Promise.reject(new Error('inside knowledge')) };
  const listener = await listen(broken, { host: '127.0.0.1', port: 0 });
  const answer = await fetch(listener.url, { headers: { accept: 'text/html' } });
  const text = await answer.text();
  await listener.stop(true);
  expect(answer.status).toBe(500);
  expect(JSON.parse(text)).toMatchObject({ error: { kind: 'internal' } });
  expect(text).not.toMatch(/inside knowledge|\.ts:\d+/);
});

test('S-48: the lockfile names no host, holds what the package wants, and a digest of all of it', () => {
  const lock = read('bun.lock');
  expect(lock).not.toMatch(/https?:|git\+|\bfile:|registry/);
  const entries = lock.slice(lock.indexOf('"packages"')).match(/^ {4}"[^"]+": \[.*$/gm) ?? [];
  expect(entries.length).toBeGreaterThan(30);
  expect(entries.filter((entry) => !/"sha512-[A-Za-z0-9+/]{86}=="\],?$/.test(entry))).toEqual([]);
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(lock).toContain(`"${name}": ["${name}@${version}"`);
  }
});

test('S-48: no script of a package runs when Flow is installed', () => {
  const { scripts, trustedDependencies } = JSON.parse(read('package.json'));
  expect(Object.keys(scripts).filter((name) => /install|prepare|prepublish|postpack/.test(name))).toEqual([]);
  // An empty list: without one, the runtime trusts several hundred packages of its own choice.
  expect(trustedDependencies).toEqual([]);
});

test('S-14: only files of the public folder are served, by their exact names', async () => {
  const names = readdirSync(join(ROOT, 'public'), { recursive: true, encoding: 'utf8' });
  const served = door.routes.map(({ path }) => path).filter((path) => path.startsWith('/public/'));
  for (const path of served) expect(names).toContain(decodeURIComponent(path.slice('/public/'.length)));
  const tries = [
    ...['/../../etc/passwd', '/..%2f..%2fetc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/..%5c..%5cetc%5cpasswd'],
    ...['/css/../../package.json', '/css/%2e%2e/%2e%2e/package.json', '/css/..%2f..%2fpackage.json', '/css/app.css%00'],
    ...[
      '//etc/passwd',
      '/%2fetc%2fpasswd',

      '/css',
      '/css/',
      '/.git/config',
      '/css/APP.CSS',
    ],
  ];
  for (const prefix of ['/public', '/vendor', '']) {
    for (const path of tries) {
      const lines = `GET ${prefix}${path} HTTP/1.1\r\nHost: 127.0.0.1:${door.port}\r\nConnection: close\r\n\r\n`;
      const { status, text } = await rawRequest(door.port, lines);
      expect([prefix + path, [400, 404].includes(status)]).toEqual([prefix + path, true]);
      expect(text).not.toMatch(/root:x:|"trustedDependencies"|\[core\]/);
    }
  }
  expect(existsSync('/etc/passwd')).toBe(true);
});

/** Places where a script of ours makes markup of text, each looked at: what reaches it, and why that is markup. */
const REVIEWED: readonly string[] = [
  // Flow's own fragment of log lines, escaped by the view that made it; moved by nodes, never run.
  'logs.js: DOMParser',
];

test('our own scripts listen to no other window, and make markup only where it was looked at', () => {
  const sinks = new RegExp(
    [
      ...['\\b(?:innerHTML|outerHTML)\\s*=', 'insertAdjacentHTML', 'document\\.write', 'DOMParser', 'srcdoc'],
      ...['createContextualFragment', 'setHTMLUnsafe', '\\beval\\(', 'new Function', 'postMessage', 'javascript:'],
      ...['addEventListener\\(\\s*[\'"]message[\'"]', 'window\\.onmessage'],
    ].join('|'),
    'g',
  );
  const found = readdirSync(join(ROOT, 'public/js'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .flatMap((name) => [...read(`public/js/${name}`).matchAll(sinks)].map(([sink]) => `${name}: ${sink}`));
  expect(found).toEqual([...REVIEWED]);
});
