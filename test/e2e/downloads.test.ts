/** From a hub to an answer, through a whole Flow that is killed on the way. The queue is tested in test/downloads. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeGguf } from '#src/gguf/write.ts';
import { type Ended, flow } from '#test/cli/flow-command.ts';
import { type FakeHub, sha256Of, startFakeHub } from '#test/support/fake-hub.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';
import { splitGguf } from '#test/support/split-gguf.ts';

const REPOSITORY = 'acme/scripted-GGUF';
const NAME = 'scripted-Q8_0.gguf';
const SAID = 'Fetched, checked and answering.';
let folder: string;
let model: Uint8Array;
let projector: Uint8Array;
let hub: FakeHub;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-fetched-'));
  await writeScriptedModel(join(folder, NAME), { scripts: { plain: SAID } });
  model = await Bun.file(join(folder, NAME)).bytes();
  const clip = new Map([['general.architecture', { type: 'string', value: 'clip' } as const]]);
  await writeGguf(join(folder, 'mmproj.gguf'), { metadata: clip, tensors: [] });
  projector = await Bun.file(join(folder, 'mmproj.gguf')).bytes();
  hub = await startFakeHub([{ id: REPOSITORY, files: [{ path: NAME, bytes: model }] }]);
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const start = (dataDir?: string): Promise<RunningFlow> =>
  startFlow({
    engine: realEngine().executable,
    environment: { HF_ENDPOINT: hub.url },
    ...(dataDir === undefined ? {} : { dataDir }),
  });
const downloadIn = async (gateway: RunningFlow, id: unknown) => (await gateway.json(`/api/downloads/${id}`)).body;

test('F-64: a Flow killed twice on the way ends with a verified model that answers', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'flow-killed-'));
  try {
    hub.recover();
    hub.spoil(NAME, { kind: 'slow', bytesPerS: Math.ceil(model.length / 3) });
    let id: unknown;
    for (let kill = 1; kill <= 2; kill += 1) {
      const gateway = await start(dataDir);
      if (kill === 1) {
        const { status, body } = await gateway.json('/api/models/download', { hf_id: `${REPOSITORY}:Q8_0` });
        expect({ status, key: body.download_key }).toEqual({ status: 202, key: `${REPOSITORY}/${NAME}` });
        id = body.id;
      }
      // The journal is written every two seconds: from then on a kill costs no more than that.
      const least = (model.length * kill) / 4;
      await until('some bytes', async () => Number((await downloadIn(gateway, id)).bytes) > least, 15_000);
      await until('a journal', () => existsSync(join(dataDir, 'models', '.downloads', String(id), '0.json')), 15_000);
      gateway.kill('SIGKILL');
      await gateway.exited;
    }
    hub.recover();
    await using gateway = await start(dataDir);
    const done = await until('it is complete', async () => {
      const download = await downloadIn(gateway, id);
      return ['complete', 'failed', 'paused'].includes(String(download.state)) ? download : null;
    });
    expect(done).toMatchObject({ state: 'complete', status: 'complete', progress: 100, model_id: 'scripted-Q8_0' });
    const placed = join(dataDir, 'models', ...REPOSITORY.split('/'), NAME);
    expect(sha256Of(await Bun.file(placed).bytes())).toBe(sha256Of(model));
    expect(
      readdirSync(join(dataDir, 'models'), { recursive: true }).filter((name) => /\.part/.test(String(name))),
    ).toEqual([]);
    const { body } = await gateway.json('/v1/chat/completions', {
      model: 'scripted-Q8_0',
      messages: [{ role: 'user', content: 'hello' }],
    });
    expect(JSON.stringify(body)).toContain(SAID);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 180_000);

describe('a running Flow', () => {
  let gateway: RunningFlow;
  beforeAll(async () => {
    hub.recover();
    gateway = await start();
  });
  afterAll(async () => gateway[Symbol.asyncDispose]());

  const pull = (argv: readonly string[], options: Parameters<typeof flow>[1] = {}): Promise<Ended> => {
    const environment = { FLOW_PORT: new URL(gateway.url).port, FLOW_DATA_DIR: gateway.dataDir };
    return flow(['pull', ...argv], { ...options, environment });
  };

  test('Ctrl-C pauses a pull, says how to go on, and the same command does', async () => {
    hub.spoil(NAME, { kind: 'slow', bytesPerS: 100_000 });
    const halted = await pull([REPOSITORY], { signalAt: { text: '%', signal: 'SIGINT' } });
    expect(halted.code).toBe(130);
    expect(halted.stderr).toContain(`Go on with: flow pull ${REPOSITORY}`);
    const { body } = await gateway.json('/api/downloads');
    expect(body[`${REPOSITORY}/${NAME}`]).toMatchObject({ state: 'paused', reason: { kind: 'user' } });
    hub.recover();
    const done = await pull([`https://huggingface.co/${REPOSITORY}`]);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('registered as scripted-Q8_0') });
    const events = await fetch(`${gateway.url}/api/events`);
    const { value: snapshot } = (await events.body?.getReader().read()) ?? {};
    expect(Buffer.from(snapshot ?? []).toString()).toContain(`"download_key":"${REPOSITORY}/${NAME}"`);
    const again = await pull([REPOSITORY, '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ state: 'complete', model_id: 'scripted-Q8_0' });
  });

  test('F-68: pull says what is wrong, each with its own exit code', async () => {
    const files = [{ path: 'm-Q4_0.gguf', bytes: model }];
    hub.put({
      id: 'acme/bad-GGUF',
      files: [{ ...files[0], path: 'm-Q4_0.gguf', bytes: model, digest: 'b'.repeat(64) }],
    });
    hub.put({ id: 'acme/gated-GGUF', files, gated: 'manual', isAccepted: false });
    expect(await pull(['acme/bad-GGUF'])).toMatchObject({ code: 7, stderr: expect.stringContaining('damaged') });
    expect(await pull(['acme/gated-GGUF'])).toMatchObject({ code: 8, stderr: expect.stringContaining('licence') });
    expect(await pull([`${REPOSITORY}:Q2_K`])).toMatchObject({ code: 4, stderr: expect.stringContaining('Q8_0') });
    expect((await pull(['nonsense'])).code).toBe(2);
  });

  test('a model split in two, with its projector, comes as one and answers', async () => {
    const split = 'acme/split-GGUF';
    const [first, second] = splitGguf(model);
    hub.put({
      id: split,
      files: [
        { path: 'Q8_0/vision-Q8_0-00001-of-00002.gguf', bytes: first },
        { path: 'Q8_0/vision-Q8_0-00002-of-00002.gguf', bytes: second },
        { path: 'mmproj-F16.gguf', bytes: projector },
        { path: 'README.md', bytes: Buffer.from('# A model') },
      ],
    });
    expect((await pull([split, '--detach'])).code).toBe(0);
    expect((await pull([split])).code).toBe(0);
    const { body: download } = await gateway.json('/api/downloads');
    expect(download[`${split}/Q8_0/vision-Q8_0-00001-of-00002.gguf`]).toMatchObject({ state: 'complete' });
    const { body } = await gateway.json('/api/models/vision-Q8_0');
    expect(body).toMatchObject({ hf_id: split, is_managed: true });
    expect(JSON.stringify(body.config)).toContain('Q8_0/mmproj-F16.gguf');
    // The projector is an empty one, which no engine takes.
    await gateway.json('/api/models/vision-Q8_0/config', { launch: { mmproj_path: '' } }, 'PUT');
    const { body: answer } = await gateway.json('/v1/chat/completions', {
      model: 'vision-Q8_0',
      messages: [{ role: 'user', content: 'hello' }],
    });
    expect(JSON.stringify(answer)).toContain(SAID);
  }, 180_000);

  test('the routes know every refusal', async () => {
    const { body: listed } = await gateway.json('/api/downloads');
    const done = listed[`${REPOSITORY}/${NAME}`];
    expect(done).toMatchObject({ status: 'complete', hf_id: REPOSITORY, filename: NAME });
    expect((await gateway.json('/api/downloads/nothing')).status).toBe(404);
    expect((await gateway.json('/api/models/download', {})).status).toBe(400);
    expect((await gateway.json('/api/models/download', { hf_id: '../x' })).status).toBe(400);
    expect((await gateway.json('/api/models/download', { hf_id: REPOSITORY, local_dir: '/etc' })).status).toBe(400);
    const { body } = await gateway.json('/api/models/download', { hf_id: REPOSITORY });
    await until('it is over', async () => (await downloadIn(gateway, body.id)).state === 'complete');
    expect((await gateway.json(`/api/downloads/${body.id}/pause`, {})).status).toBe(409);
    expect((await gateway.json(`/api/downloads/${body.id}`, undefined, 'DELETE')).status).toBe(200);
    expect((await gateway.json(`/api/downloads/${body.id}`)).status).toBe(404);
  });
});
