/**
 * The single-file executable, built once and run where there is nothing else of Flow: an empty home, an empty folder, a
 * PATH without Bun. What Flow does is tested everywhere else; here, that all of it is in the file.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import packageFile from '../../package.json' with { type: 'json' };
import { flow as command, type Ended } from '../cli/flow-command.ts';
import { type FakeHub, startFakeHub } from '../support/fake-hub.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';

const ROOT = join(import.meta.dir, '..', '..');
const BUILD_MS_MAX = 120_000;
const SAID = 'All of me is in one file:\n```js\nconst parts = 1;\n```';
const REPOSITORY = 'acme/scripted-GGUF';
/** What engines' guards and the system's own look-ups call by name. */
const TOOLS = ['sh', 'sleep', 'ps', 'env', 'cat'];

let folder: string;
let program: string;
let environment: Record<string, string>;
let hub: FakeHub | undefined;
let gateway: RunningFlow;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-built-'));
  program = join(folder, 'bin', 'flow');
  const startedMs = performance.now();
  const built = Bun.spawnSync(['bun', 'run', 'build', '--outfile', program], { cwd: ROOT, timeout: BUILD_MS_MAX });
  expect(built.stderr.toString() + built.stdout.toString()).toContain(program);
  const buildMs = Math.round(performance.now() - startedMs);
  const [tools, home] = [join(folder, 'tools'), join(folder, 'home')];
  for (const made of [tools, home, join(home, 'data', 'models')]) mkdirSync(made, { recursive: true, mode: 0o700 });
  for (const name of TOOLS) {
    const found = Bun.which(name);
    if (found) symlinkSync(found, join(tools, name));
  }
  // A hostile folder to be started in: the runtime would take both files.
  writeFileSync(join(home, 'data', '.env'), 'FLOW_API_KEY=from-a-file-of-the-folder\n');
  writeFileSync(join(home, 'data', 'bunfig.toml'), 'preload = ["./not-there.ts"]\n');
  await writeScriptedModel(join(folder, 'scripted.gguf'), { scripts: { plain: SAID } });
  const bytes = await Bun.file(join(folder, 'scripted.gguf')).bytes();
  hub = await startFakeHub([{ id: REPOSITORY, files: [{ path: 'scripted-Q8_0.gguf', bytes }] }]);
  environment = { PATH: tools, HOME: home, HF_ENDPOINT: hub.url };
  const dataDir = join(home, 'data');
  gateway = await startFlow({ program: [program], dataDir, environment, engine: realEngine().executable });
  const size = `${(statSync(program).size / 1e6).toFixed(0)} MB`;
  process.stdout.write(`executable: built in ${buildMs} ms, ${size}, ready after ${gateway.startMs.toFixed(0)} ms\n`);
}, BUILD_MS_MAX + 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...argv: string[]): Promise<Ended> =>
  command(argv, {
    program: [program],
    environment: { ...environment, FLOW_PORT: new URL(gateway.url).port, FLOW_DATA_DIR: gateway.dataDir },
  });

test('it says its version and helps, with nothing around it', async () => {
  expect(await run('--version')).toMatchObject({ code: 0, stdout: `flow ${packageFile.version}\n` });
  expect((await run('help')).stdout).toContain('  doctor  ');
  expect(readdirSync(join(folder, 'home'))).toEqual(['data']);
});

test('a model that the hub has is fetched, checked, and its template judged', async () => {
  expect(await run('pull', REPOSITORY)).toMatchObject({ code: 0, stdout: expect.stringContaining('registered as') });
  const model = await until('the verdict on its template', async () => {
    const { body } = await gateway.json('/api/models/scripted-Q8_0');
    return body.template_valid === null ? null : body;
  });
  expect(model).toMatchObject({ template_valid: true });
}, 180_000);

test('a real engine answers through it, streamed and translated too', async () => {
  const messages = [{ role: 'user', content: 'hello' }];
  const { body } = await gateway.json('/v1/chat/completions', { model: 'scripted-Q8_0', messages });
  expect(JSON.stringify(body)).toContain(JSON.stringify(SAID).slice(1, -1));
  const streamed = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'scripted-Q8_0', max_tokens: 64, stream: true, messages }),
  });
  const text = await streamed.text();
  expect(text).toContain('event: message_stop');
  const deltas = text.matchAll(/"type":"text_delta","text":("(?:\\.|[^"\\])*")/g);
  expect([...deltas].map(([, part]) => JSON.parse(part ?? '""')).join('')).toBe(SAID);
}, 180_000);

test('the commands work: ps, run, doctor', async () => {
  expect((await run('ps')).stdout).toContain('scripted-Q8_0');
  expect((await run('run', 'scripted-Q8_0', 'hello')).stdout).toContain(SAID);
  const doctor = await run('doctor', '--json');
  const bad = JSON.parse(doctor.stdout).findings.filter(({ level }: { level: string }) => level === 'bad');
  expect(bad).toEqual([]);
}, 180_000);

const PAGES = ['/', '/models', '/chat', '/telemetry', '/logs', '/settings', '/setup', '/models/downloads'];

test('every page comes with all of its style sheets, scripts and pictures', async () => {
  const assets = new Set<string>();
  for (const path of PAGES) {
    const page = await fetch(gateway.url + path);
    expect({ path, status: page.status }).toEqual({ path, status: 200 });
    for (const [, asset] of (await page.text()).matchAll(/(?:src|href)="(\/(?:public|vendor)\/[^"#]+)/g)) {
      if (asset) assets.add(asset);
    }
  }
  expect([...assets].filter((asset) => asset.startsWith('/vendor/'))).toHaveLength(4);
  for (const path of new Bun.Glob('**/*').scanSync(join(ROOT, 'public'))) assets.add(`/public/${path}`);
  for (const asset of ['/sw.js', ...assets]) {
    const answer = await fetch(gateway.url + asset);
    expect({ asset, status: answer.status }).toEqual({ asset, status: 200 });
    if (!asset.startsWith('/public/')) continue;
    const own = await Bun.file(join(ROOT, asset)).bytes();
    expect({ asset, same: Buffer.from(await answer.arrayBuffer()).equals(own) }).toEqual({ asset, same: true });
  }
});

test('what is loaded only when it is wanted is there: colours of code, the hub, the hardware', async () => {
  const asked = await fetch(`${gateway.url}/chat/questions`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
    body: 'text=hello',
    redirect: 'manual',
  });
  const address = asked.headers.get('location') ?? '';
  await until('a coloured answer', async () => {
    const page = await (await fetch(gateway.url + address)).text();
    return page.includes('<span class="hljs-keyword">const</span>');
  });
  const found = await gateway.json('/api/hf/search?q=scripted');
  expect({ status: found.status, text: JSON.stringify(found.body) }).toMatchObject({
    status: 200,
    text: expect.stringContaining(REPOSITORY),
  });
  expect((await gateway.json('/api/hardware')).body.cpu_count).toBeGreaterThan(0);
}, 180_000);

test('what lies in the folder it is started in does not set it up', async () => {
  expect((await gateway.json('/api/models')).status).toBe(200);
});
