// Imports through a whole Flow: dry, done, done again; refused files; and the engine started as the file said.
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flow as command } from '#test/cli/flow-command.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';
import { writeScriptedMlx } from '#test/support/scripted-mlx.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flow-import-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const put = (name: string, text: string): string => {
  writeFileSync(join(home, name), text);
  return join(home, name);
};
const start = (engine: string | null = null): Promise<RunningFlow> =>
  startFlow({ environment: { HOME: home, OLLAMA_MODELS: join(home, 'none') }, engine });
const model = async (name: string): Promise<string> => {
  const path = join(home, name);
  await writeScriptedModel(path, { scripts: { only: `I am ${name}.` } });
  return path;
};
/** What is registered, without what becomes known of it by itself. */
const listed = async (flow: RunningFlow): Promise<string> => {
  const models: Record<string, unknown>[] = JSON.parse(String((await flow.json('/api/models')).body.value));
  return JSON.stringify(models.map(({ id, aliases, cooldown_s }) => ({ id, aliases, cooldown_s })));
};

function pythonDatabase(
  path: string,
  rows: readonly (readonly (string | null)[])[],
  mlxPath: string | null = null,
): void {
  const database = new Database(path);
  database.run(`CREATE TABLE models (id VARCHAR NOT NULL PRIMARY KEY, name VARCHAR NOT NULL, hf_id VARCHAR,
    backend VARCHAR NOT NULL, gguf_file VARCHAR, mlx_path VARCHAR, size_gb FLOAT, status VARCHAR)`);
  database.run('CREATE TABLE telemetry (id INTEGER PRIMARY KEY, model_id VARCHAR NOT NULL)');
  database.run("INSERT INTO telemetry (model_id) VALUES ('a')");
  for (const row of rows) {
    database.run(
      "INSERT INTO models (id, name, hf_id, backend, gguf_file, mlx_path, status) VALUES (?, ?, ?, ?, ?, ?, 'available')",
      [...row, mlxPath],
    );
  }
  database.close();
}

test('llama-swap: a dry run changes nothing; done twice is done once; the engine runs as the file said', async () => {
  const path = await model('tiny.gguf');
  const template = put('own.jinja', '{{ messages[-1].content }}<|play_only|>');
  const file = put(
    'config.yaml',
    `models:
  tiny:
    cmd: |
      llama-server -m ${path} -c 512 -np 2 -b 128 --chat-template-file ${template}
      --swa-full --rpc x -md ${put('draft.gguf', 'x')} --mmproj /etc/hostname
    aliases: [gpt-tiny]
    ttl: 77
    filters: { setParamsByID: { "tiny:calm": { temperature: 0 } } }
  gone: { cmd: llama-server -m /nowhere/at/all.gguf }`,
  );
  await using flow = await start(realEngine().executable);
  const before = await listed(flow);
  const body = { source: 'llama-swap', path: file };
  const dry = await flow.json('/api/imports', { ...body, dry_run: true });
  expect(dry.body).toMatchObject({
    dry_run: true,
    models: [{ id: 'tiny', outcome: 'new', aliases: ['gpt-tiny'], launch: { ctx_size: 256, n_parallel: 2 } }],
  });
  const left = [{ what: 'tiny: --rpc' }, { what: 'tiny: projector' }, { what: 'tiny: draft model' }, { what: 'gone' }];
  expect(dry.body.not_taken).toMatchObject(left);
  expect(await listed(flow)).toEqual(before);
  expect(readdirSync(join(flow.dataDir, 'templates')).filter((name) => name.startsWith('imported'))).toEqual([]);

  expect((await flow.json('/api/imports', body)).body).toMatchObject({ models: [{ id: 'tiny', outcome: 'new' }] });
  expect((await flow.json('/api/imports', body)).body).toMatchObject({ models: [{ outcome: 'unchanged' }] });
  expect((await flow.json('/api/models/tiny')).body).toMatchObject({ cooldown_s: 77, aliases: ['gpt-tiny'] });

  const asked = { model: 'tiny:calm', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 40 };
  const answer = await flow.json('/v1/chat/completions', asked);
  expect(JSON.stringify(answer.body)).toContain('I am tiny.gguf.');
  const props = await flow.json('/upstream/tiny/props');
  expect(props.body).toMatchObject({ total_slots: 2, default_generation_settings: { n_ctx: 256 } });
  expect(props.body.chat_template).toBe(readFileSync(template, 'utf8'));
}, 180_000);

test("llama-server's presets: a model that is registered keeps its id and gets the other name", async () => {
  const path = await model('held.gguf');
  const file = put('models.ini', `[*]\nc = 512\n[other-name]\nmodel = ${path}\nalias = third\ntop-k = 5\n`);
  await using flow = await start();
  await flow.json('/api/register-local', { path });
  const done = await flow.json('/api/imports', { source: 'llama-server', path: file });
  expect(done.body).toMatchObject({ models: [{ id: 'held', outcome: 'changed', aliases: ['other-name', 'third'] }] });
  const { body } = await flow.json('/api/models/held/config');
  expect(body).toMatchObject({ config: { launch: { ctx_size: 512 }, behaviour: { top_k: 5 } } });
}, 180_000);

test('a name that means another model already is left, and a new model gets a number', async () => {
  const [one, two] = [await model('one.gguf'), await model('two.gguf')];
  const file = put('models.ini', `[one]\nmodel = ${two}\nalias = one\n`);
  await using flow = await start();
  await flow.json('/api/register-local', { path: one });
  const body = { source: 'llama-server', path: file };
  const dry = await flow.json('/api/imports', { ...body, dry_run: true });
  expect(dry.body).toMatchObject({ models: [{ id: 'one-2', outcome: 'new', aliases: [] }] });
  await flow.json('/api/imports', body);
  expect((await flow.json('/api/imports', body)).body).toMatchObject({
    models: [{ id: 'one-2', outcome: 'unchanged' }],
  });
}, 180_000);

test("the Python Flow's data folder becomes this one's: nothing of it is lost, and its models are taken over", async () => {
  const dataDir = join(home, '.flow');
  mkdirSync(dataDir);
  const path = await model('old.gguf');
  pythonDatabase(join(dataDir, 'flow.db'), [
    ['old', 'Old Model', 'me/Old', 'gguf', path],
    ['lost', 'lost', null, 'gguf', '/nowhere/lost.gguf'],
    ['remote', 'remote', null, 'gguf', null],
  ]);
  const original = readFileSync(join(dataDir, 'flow.db'));
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify({ default_ctx_size: 4321, port: 4000 }));
  const preset = {
    id: 'x',
    name: 'Mine',
    config: { temperature: 0.3, odd: 1 },
    load_params: { mlx_context_length: 5 },
  };
  writeFileSync(join(dataDir, 'presets.json'), JSON.stringify({ user_presets: [preset] }));
  await using flow = await startFlow({ dataDir, environment: { HOME: home, OLLAMA_MODELS: join(home, 'none') } });
  const kept = readdirSync(dataDir).find((name) => /^flow\.db\.bad-\d+$/.test(name)) ?? '';
  expect(readFileSync(join(dataDir, kept)).equals(original)).toBe(true);
  expect(flow.output()).toContain('"flow import flow-python" takes its models');
  expect((await flow.json('/api/imports')).body).toMatchObject({ found: [{ source: 'flow-python', path: dataDir }] });

  const body = { source: 'flow-python' };
  const first = await flow.json('/api/imports', body);
  expect(first.body).toMatchObject({
    models: [{ id: 'old', outcome: 'new', hf_id: 'me/Old', aliases: ['Old Model'] }],
    presets: [{ name: 'Mine', outcome: 'new' }],
    settings: {},
  });
  const left = JSON.stringify(first.body.not_taken);
  for (const what of ['lost', 'remote', 'telemetry', 'settings', 'preset Mine: odd']) expect(left).toContain(what);
  expect((await flow.json('/api/imports', body)).body).toMatchObject({
    models: [{ outcome: 'unchanged' }],
    presets: [{ outcome: 'unchanged' }],
  });
  expect((await flow.json('/api/settings')).body).toMatchObject({ default_ctx_size: 4321 });
  expect(readFileSync(join(dataDir, kept)).equals(original)).toBe(true);
}, 180_000);

test("the Python Flow's MLX models and MLX presets are taken", async () => {
  const folder = join(home, 'elsewhere');
  const mlx = join(home, 'tiny-mlx');
  mkdirSync(folder);
  await writeScriptedMlx(mlx, { scripts: { only: 'I am MLX.' } });
  pythonDatabase(join(folder, 'flow.db'), [['org/tiny-mlx', 'Tiny', 'org/tiny-mlx', 'mlx', '']], mlx);
  const load = {
    ...{ backend: 'mlx', ctx_size: 8192, mlx_context_length: 2048, mlx_prompt_cache_size: 3, mlx_model_type: 'lm' },
    ...{ mlx_reasoning_parser: 'qwen3', mlx_tool_call_parser: null, mlx_trust_remote_code: true },
  };
  const presets = [{ id: 'x', name: 'Mine', config: {}, load_params: load }];
  writeFileSync(join(folder, 'presets.json'), JSON.stringify({ user_presets: presets }));
  await using flow = await start();
  const { body } = await flow.json('/api/imports', { source: 'flow-python', path: folder });
  expect(body).toMatchObject({
    models: [{ id: 'org/tiny-mlx', outcome: 'new', path: mlx }],
    presets: [{ name: 'Mine', outcome: 'new' }],
  });
  expect(JSON.stringify(body.not_taken)).toContain('mlx_trust_remote_code');
  expect((await flow.json('/api/models/org/tiny-mlx')).body).toMatchObject({ backend: 'mlx', mlx_path: mlx });
  const held = JSON.stringify((await flow.json('/api/presets')).body);
  const swap = put('config.yaml', `models: { swapped: { cmd: mlx_lm.server --model ${mlx} --prefill-step-size 64 } }`);
  expect((await flow.json('/api/imports', { source: 'llama-swap', path: swap })).body).toMatchObject({
    models: [{ id: 'org/tiny-mlx', outcome: 'changed', launch: { extra_args: ['--prefill-step-size', '64'] } }],
    not_taken: [],
  });
  expect(held).toContain('"ctx_size":2048,"mlx_prompt_cache_size":3,"mlx_reasoning_parser":"qwen3"');
}, 180_000);

test("settings come from another folder's Python Flow, and its files stay as they were", async () => {
  const folder = join(home, 'elsewhere');
  mkdirSync(folder);
  pythonDatabase(join(folder, 'flow.db'), []);
  const original = readFileSync(join(folder, 'flow.db'));
  const settings = { default_ctx_size: 5000, port: 1, jit_cooldown_seconds: 'soon', default_n_parallel: 3 };
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings));
  await using flow = await start();
  const body = { source: 'flow-python', path: folder };
  const { body: report } = await flow.json('/api/imports', body);
  expect(report).toMatchObject({ settings: { default_ctx_size: 5000, default_n_parallel: 3 } });
  expect(JSON.stringify(report.not_taken)).toContain('jit_cooldown_seconds');
  expect((await flow.json('/api/imports', body)).body).toMatchObject({ settings: {} });
  expect(readFileSync(join(folder, 'flow.db')).equals(original)).toBe(true);
  expect(readdirSync(folder).toSorted()).toEqual(['flow.db', 'settings.json']);
}, 180_000);

test('what is no such file is refused with words, at once, and says nothing of what is in it', async () => {
  const pipe = join(home, 'pipe.yaml');
  Bun.spawnSync(['mkfifo', pipe]);
  const secret = put('secret.yaml', 'password-hunter2');
  const large = put('large.yaml', `models: {}\n${'#'.repeat(10_000_000)}`);
  await using flow = await start();
  for (const path of [pipe, secret, large, home, '/nowhere.yaml', '/dev/zero', 'relative.yaml']) {
    const startedMs = performance.now();
    const { status, body } = await flow.json('/api/imports', { source: 'llama-swap', path });
    expect([path, [400, 404, 422].includes(status)]).toEqual([path, true]);
    expect(JSON.stringify(body)).not.toContain('hunter2');
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  }
  expect((await flow.json('/api/imports', { source: 'flow-python', path: pipe })).status).toBe(404);
  expect((await flow.json('/api/imports', { source: 'llama-swap' })).status).toBe(404);
}, 180_000);

test('S-15: a file that others name is not read: it could name any file of this user', async () => {
  const secret = put('id_rsa', '{{ "a secret of this user" }}');
  const path = await model('own.gguf');
  const yaml = `models: { theirs: { cmd: llama-server -m ${path} --chat-template-file ${secret} } }`;
  const theirs = put('theirs.yaml', yaml);
  await using flow = await start();
  const ask = (body: object) =>
    fetch(`${flow.url}/api/imports`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  for (const source of ['llama-swap', 'llama-server', 'flow-python']) {
    for (const named of [theirs, '/nowhere/at/all.yaml', home]) {
      expect((await ask({ source, path: named, dry_run: true })).status).toBe(403);
      expect((await ask({ source, path: named })).status).toBe(403);
    }
  }
  expect(await listed(flow)).not.toContain('theirs');
  // What lies in its usual place is this user's own, whoever asks that it be taken.
  mkdirSync(join(home, '.config', 'llama-swap'), { recursive: true });
  writeFileSync(join(home, '.config', 'llama-swap', 'config.yaml'), yaml);
  expect((await ask({ source: 'llama-swap', dry_run: true })).status).toBe(200);
}, 180_000);

test('flow import lists, shows and takes over', async () => {
  const path = await model('cli.gguf');
  mkdirSync(join(home, '.config', 'llama-swap'), { recursive: true });
  const file = join(home, '.config', 'llama-swap', 'config.yaml');
  writeFileSync(file, `models: { from-swap: { cmd: llama-server -m ${path} -c 700 } }`);
  await using flow = await start();
  const environment = { HOME: home, FLOW_PORT: new URL(flow.url).port };
  const list = await command(['import'], { environment });
  expect(list.stdout).toContain(file);
  const dry = await command(['import', 'llama-swap', '--dry-run'], { environment });
  expect(dry.stdout).toContain('from-swap');
  expect(await listed(flow)).not.toContain('from-swap');
  const done = await command(['import', file, '--json'], { environment });
  expect([done.code, JSON.parse(done.stdout).models[0].outcome]).toEqual([0, 'new']);
  expect((await flow.json('/api/models/from-swap')).body).toMatchObject({ config: { launch: { ctx_size: 700 } } });
  // From anywhere else it is taken for the user whom Flow runs for, and for nobody else.
  const other = put('other.yaml', `models: { other: { cmd: llama-server -m ${await model('other.gguf')} } }`);
  expect((await command(['import', other], { environment })).stderr).toContain('Only the user');
  const own = { ...environment, FLOW_DATA_DIR: flow.dataDir };
  expect((await command(['import', other], { environment: own })).code).toBe(0);
  const wrong = await command(['import', 'nonsense'], { environment });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('flow-python, llama-swap')]);
  expect(existsSync(file)).toBe(true);
}, 180_000);
