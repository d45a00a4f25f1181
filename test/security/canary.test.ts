/**
 * S-24, S-25: secrets with values that occur nowhere else go through a whole Flow, through what works and what fails;
 * then everything that Flow wrote, says or started is searched for them.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sessionFor } from '#src/keys/key-text.ts';
import { makeFakeEngine } from '../support/fake-engine-launcher.ts';
import { type FakeHub, startFakeHub } from '../support/fake-hub.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { openFrontDoor, pathFor } from './support/front-door.ts';

const MAIN = join(import.meta.dir, '..', '..', 'src', 'main.ts');
const OWNER = 'canary-owner-5fP2wQ8xLm';
const PEER = 'canary-peer-kT93vZcR71';
const WRONG = 'canary-wrong-Yh40nBsEa2';
const PROMPT = 'canary-prompt-9dJx6GuWq0';
/** The secrets that are files, and are to be in them alone. */
const KEPT_FILES = /^(?:hub-token\.json|external-keys\.json|local-key)$/;

let folder: string;
let flow: RunningFlow;
let hub: FakeHub;
let secrets: Readonly<Record<string, string>>;
const peer = { status: 200 };
const peerServer = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request) {
    const shown = request.headers.get('authorization') ?? 'nothing';
    if (shown !== `Bearer ${PEER}`) return Response.json({ error: { message: 'no key' } }, { status: 401 });
    if (new URL(request.url).pathname === '/v1/models' && peer.status === 200) {
      return Response.json({ data: [{ id: 'far-model' }] });
    }
    // A careless peer says what it was shown.
    return Response.json({ error: { message: `Not with ${shown} (${PEER}).` } }, { status: peer.status });
  },
});

const post = async (path: string, body: object, headers: Readonly<Record<string, string>> = {}) => {
  const answer = await fetch(flow.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': OWNER, ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
};
const chat = (model: string, more: object = {}) => ({
  ...{ model, max_tokens: 8, messages: [{ role: 'user', content: `Say ${PROMPT}.` }], ...more },
});
/** What callers were answered where something went wrong. */
const refusals: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-canary-'));
  const dataDir = join(folder, 'data');
  mkdirSync(join(dataDir, 'models'), { recursive: true });
  hub = await startFakeHub([{ id: 'acme/some-GGUF', files: [{ path: 'some-Q4_0.gguf', bytes: Buffer.alloc(64, 1) }] }]);
  const engine = talkative(makeFakeEngine(folder).executable);
  const environment = { FLOW_API_KEY: OWNER, HF_ENDPOINT: hub.url, HF_TOKEN: 'canary-inherited-Xw81' };
  flow = await startFlow({ dataDir, engine, environment });
  const scoped = await flow.json('/api/keys', { name: 'canary-holder', scopes: ['infer', 'read'] });
  const key = String(scoped.body.secret);
  secrets = {
    owner: OWNER,
    peer: PEER,
    scoped: key,
    hub: hub.token,
    inherited: 'canary-inherited-Xw81',
    wrong: WRONG,
    prompt: PROMPT,
    ...{ 'owner’s session': sessionFor(OWNER), 'scoped session': sessionFor(key) },
    local: readFileSync(join(dataDir, 'local-key'), 'utf8').trim(),
  };
  await live(key);
  secrets = { ...secrets, engine: readFileSync(join(folder, 'engine-key'), 'utf8').trim() };
}, 180_000);
afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  await peerServer.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

/** All that a day brings, good and bad. */
async function live(key: string): Promise<void> {
  const shown = { 'x-api-key': key };
  expect((await flow.json('/api/hf/token', { token: hub.token }, 'PUT')).status).toBe(200);
  for (const stream of [true, false])
    expect((await post('/v1/chat/completions', chat('flow-demo', { stream }))).status).toBe(200);
  expect((await post('/v1/messages', chat('flow-demo'), shown)).status).toBe(200);
  expect((await post('/v1/responses', { model: 'flow-demo', input: PROMPT }, shown)).status).toBe(200);
  refusals.push((await post('/v1/chat/completions', chat('flow-demo'), { 'x-api-key': WRONG })).text);
  refusals.push((await post('/v1/chat/completions', chat('no-such-model'), shown)).text);
  refusals.push((await post('/v1/chat/completions', { model: 5, messages: PROMPT }, shown)).text);
  // A load that fails, whose engine repeats what it should not know.
  const broken = join(flow.dataDir, 'models', 'broken.gguf');
  writeFileSync(broken, readFileSync(demoFile()));
  await flow.json('/api/register-local', { path: broken, name: 'broken' });
  const failed = await post('/v1/chat/completions', chat('broken'));
  expect(failed.status).toBeGreaterThanOrEqual(400);
  refusals.push(failed.text);
  // A peer that works, then fails.
  const peerUrl = `http://127.0.0.1:${peerServer.port}`;
  const connected = await flow.json('/api/connect-external', { base_url: peerUrl, api_key: PEER });
  expect(connected.status).toBe(200);
  for (const status of [400, 401, 500, 503]) {
    peer.status = status;
    refusals.push((await post('/v1/chat/completions', chat(String(connected.body.model_id)))).text);
  }
  // Keys in addresses of peers, which would be shown wherever the address is.
  const at = `127.0.0.1:${peerServer.port}`;
  const addresses = [`user:${PEER}@${at}`, `${PEER}@${at}`, `${at}?api_key=${PEER}`, `${at}/#${PEER}`];
  for (const address of addresses) {
    const wish = { base_url: `http://${address}`, api_key: PEER, model_id: 'far-model' };
    const refused = await flow.json('/api/connect-external', wish);
    expect(refused.status).toBe(400);
    refusals.push(JSON.stringify(refused.body));
  }
  // A hub that fails, and a download that does.
  await flow.json('/api/hf/search?q=some');
  hub.trouble('/resolve/', { kind: 'status', status: 500, body: `was shown ${hub.token}` }, 2);
  await flow.json('/api/models/download', { hf_id: 'acme/some-GGUF' });
  await until('the hub was asked with the token', () =>
    hub.asked.some(({ authorization }) => authorization?.includes(hub.token)),
  );
}

/** An engine that dies of one model, and says its key when it does. */
function talkative(executable: string): string {
  mkdirSync(join(folder, 'talkative'));
  const path = join(folder, 'talkative', 'llama-server');
  const dying = `printf %s "$LLAMA_API_KEY" > '${folder}/engine-key'; echo "error: cannot load with $LLAMA_API_KEY" >&2; exit 1`;
  writeFileSync(path, `#!/bin/sh\ncase "$*" in *broken.gguf*) ${dying};; esac\nexec '${executable}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

function demoFile(): string {
  const models = readdirSync(flow.dataDir, { recursive: true, encoding: 'utf8' });
  const demo = models.find((path) => path.endsWith('.gguf'));
  if (demo === undefined) throw new Error('The demo model is not there.');
  return join(flow.dataDir, demo);
}

/** Which secrets stand in a text; also more than the last four characters of one, as a mask would show. */
function secretsIn(text: string, except: readonly string[] = []): readonly string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    if (except.includes(name)) return [];
    const parts = [
      secret,
      secret.slice(-6),
      Buffer.from(secret).toString('base64').slice(0, -4),
      encodeURIComponent(secret),
    ];
    return parts.some((part) => text.includes(part)) ? [name] : [];
  });
}

test('S-24: no file that Flow wrote holds a secret but those that are made for it, nor a page of the database', async () => {
  // Lines are on disk a moment after they are said, and this one said a key.
  await until('the engine’s last words are on disk', () =>
    filesOf(join(flow.dataDir, 'logs')).some((path) => textOf(path).includes('cannot load with')),
  );
  const found: string[] = [];
  const seen: string[] = [];
  for (const path of readdirSync(flow.dataDir, { recursive: true, encoding: 'utf8' })) {
    const full = join(flow.dataDir, path);
    // What the runtime keeps of this very test, as the home is here, is none of Flow's.
    if (KEPT_FILES.test(path) || path.startsWith('.bun/') || !statSync(full, { throwIfNoEntry: false })?.isFile())
      continue;
    seen.push(path);
    const hits = secretsIn(textOf(full));
    if (hits.length > 0) found.push(`${path}: ${hits.join(', ')}`);
  }
  expect(seen).toContain('flow.db');
  expect(seen.some((path) => path.startsWith('logs/'))).toBe(true);
  expect(found).toEqual([]);
  for (const path of ['hub-token.json', 'external-keys.json', 'local-key'])
    expect([path, statSync(join(flow.dataDir, path)).mode & 0o777]).toEqual([path, 0o600]);
});

test('S-24: no page, no answer of the API and no metric tells one', async () => {
  await using door = await openFrontDoor();
  const looking = door.routes.filter(({ method, access }) => method === 'GET' && access.scope !== 'public');
  const found: string[] = [];
  let count = 0;
  for (const route of looking) {
    const path = pathFor(route, route.path.includes('keys') ? 'canary-holder' : 'flow-demo');
    const hangUp = new AbortController();
    const timer = setTimeout(() => hangUp.abort(), 10_000);
    const headers = { 'x-api-key': OWNER, accept: route.access.scope === 'page' ? 'text/html' : '*/*' };
    const answer = await fetch(flow.url + path, { headers, signal: hangUp.signal });
    let text = JSON.stringify([...answer.headers]);
    for await (const bytes of answer.body ?? []) {
      text += Buffer.from(bytes).toString();
      // A stream of events begins with everything.
      if (answer.headers.get('content-type')?.startsWith('text/event-stream')) break;
    }
    clearTimeout(timer);
    hangUp.abort();
    count += 1;
    const hits = secretsIn(text);
    if (hits.length > 0) found.push(`${route.path}: ${hits.join(', ')}`);
  }
  expect(count).toBeGreaterThan(60);
  expect(found).toEqual([]);
}, 180_000);

test('S-24: no process list shows one, and no child of Flow inherits one', () => {
  const found: string[] = [];
  const parents = new Map<number, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = textOf(`/proc/${pid}/stat`);
    parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    const hits = secretsIn(textOf(`/proc/${pid}/cmdline`));
    if (hits.length > 0) found.push(`command line: ${hits.join(', ')}`);
  }
  const isChild = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && parent > 1 && (parent === flow.pid || isChild(parent));
  };
  const children = [...parents.keys()].filter(isChild);
  for (const pid of children) {
    // Its own key reaches an engine by its environment, and only so.
    const hits = secretsIn(textOf(`/proc/${pid}/environ`), ['engine']);
    if (hits.length > 0)
      found.push(`environment of ${textOf(`/proc/${pid}/cmdline`).slice(0, 60)}: ${hits.join(', ')}`);
  }
  expect(children.length).toBeGreaterThan(0);
  expect(found).toEqual([]);
});

test('S-24, S-25: no refusal, no line on the terminal and no diagnosis tells one', async () => {
  expect(refusals.length).toBeGreaterThan(8);
  // What somebody sent may be said back to the same caller, but no key.
  expect(refusals.flatMap((text) => secretsIn(text, ['prompt']))).toEqual([]);
  expect(secretsIn(flow.output())).toEqual([]);
  const doctor = Bun.spawnSync(['bun', MAIN, 'doctor', '--data-dir', flow.dataDir, '--port', new URL(flow.url).port], {
    env: { PATH: process.env.PATH ?? '', HOME: flow.dataDir, FLOW_API_KEY: OWNER, HF_ENDPOINT: hub.url },
    timeout: 30_000,
  });
  const words = doctor.stdout.toString() + doctor.stderr.toString();
  expect(words.length).toBeGreaterThan(100);
  expect(secretsIn(words)).toEqual([]);
});

function filesOf(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name));
  return files.filter((name) => statSync(name).isFile());
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended in the meantime.
    return '';
  }
}
