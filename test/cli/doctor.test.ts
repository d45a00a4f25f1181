/** flow doctor: set-ups that are wrong in one way each, and what it says of them. It changes nothing. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spaceFinding } from '#src/cli/doctor/data-checks.ts';
import {
  checkBudget,
  checkEngines,
  checkLeftovers,
  checkMlx,
  checkModelFiles,
  checkTemplates,
  smallestNeed,
} from '#src/cli/doctor/engine-checks.ts';
import type { Finding } from '#src/cli/doctor/finding.ts';
import { checkExposure, checkProxies, checkRivals } from '#src/cli/doctor/network-checks.ts';
import { checkBun } from '#src/cli/doctor.ts';
import { systemClock } from '#src/clock.ts';
import { closeStore, openSoundStore } from '#src/store/open.ts';
import { systemProbe } from '#src/supervision/process-probe.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { startFlow, until } from '#test/support/running-flow.ts';
import { type CommandOptions, flow } from './flow-command.ts';

/** No llama-server of the machine is found by chance. */
const TOOLS = '/usr/bin:/bin';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-doctor-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

type Examined = { readonly code: number; readonly findings: readonly Finding[] };

async function doctor(environment: Readonly<Record<string, string>> = {}): Promise<Examined> {
  const options: CommandOptions = {
    environment: { PATH: TOOLS, FLOW_DATA_DIR: dataDir, FLOW_PORT: '39', ...environment },
  };
  const { code, stdout } = await flow(['doctor', '--json'], options);
  return { code, findings: JSON.parse(stdout).findings };
}

const of = ({ findings }: Examined, check: string) => findings.filter((one) => one.check === check);

describe('on a machine where Flow does not run', () => {
  test('a missing data directory is no problem, and is not made', async () => {
    const absent = join(dataDir, 'not', 'yet');
    const found = await doctor({ FLOW_DATA_DIR: absent, FLOW_PORT: '0' });
    expect(of(found, 'data-dir')).toMatchObject([{ level: 'good', says: expect.stringContaining('not there yet') }]);
    expect(found.code).toBe(0);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('damaged settings are found, and left as they are', async () => {
    const path = join(dataDir, 'settings.json');
    writeFileSync(path, '{"port": ', { mode: 0o600 });
    const found = await doctor();
    expect(found.code).toBe(1);
    expect(of(found, 'settings')).toMatchObject([{ level: 'bad', says: expect.stringContaining('is damaged') }]);
    expect(readFileSync(path, 'utf8')).toBe('{"port": ');
    expect(readdirSync(dataDir)).toEqual(['settings.json']);
  });

  test('a value that is out of bounds is named', async () => {
    writeFileSync(join(dataDir, 'settings.json'), '{"queue_limit": 0}', { mode: 0o600 });
    const [finding] = of(await doctor(), 'settings');
    expect(finding).toMatchObject({ level: 'warning', says: expect.stringContaining('queue_limit') });
  });

  test('modes that let others in are found, and the fix mends them', async () => {
    writeFileSync(join(dataDir, 'settings.json'), '{}', { mode: 0o600 });
    chmodSync(join(dataDir, 'settings.json'), 0o666);
    chmodSync(dataDir, 0o755);
    const [finding] = of(await doctor(), 'modes');
    expect(finding).toMatchObject({ level: 'bad', says: expect.stringContaining('settings.json (0666)') });
    expect(Bun.spawnSync(['sh', '-c', finding?.fix ?? 'exit 9']).exitCode).toBe(0);
    expect(of(await doctor(), 'modes')).toMatchObject([{ level: 'good' }]);
  });

  test('a damaged database is found, a sound one is not touched', async () => {
    const path = join(dataDir, 'flow.db');
    closeStore(openSoundStore({ path, clock: systemClock }).store);
    const sound = readFileSync(path);
    const before = readdirSync(dataDir);
    expect(of(await doctor(), 'database')).toMatchObject([{ level: 'good', says: 'The database is sound.' }]);
    expect(readdirSync(dataDir)).toEqual(before);
    const damaged = Buffer.from(sound);
    damaged.fill(7, 4096, 12_288);
    writeFileSync(path, damaged, { mode: 0o600 });
    const found = await doctor();
    expect(found.code).toBe(1);
    expect(of(found, 'database')).toMatchObject([{ level: 'bad', says: expect.stringContaining('is damaged') }]);
    expect(readFileSync(path).equals(damaged)).toBe(true);
  });

  test('a port that another program holds is found, with who it is', async () => {
    using other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hi') });
    const found = await doctor({ FLOW_PORT: String(other.port) });
    expect(found.code).toBe(1);
    expect(of(found, 'port')).toMatchObject([{ level: 'bad', fix: expect.stringContaining('--port') }]);
    if (process.platform === 'linux') expect(of(found, 'port')[0]?.says).toContain(`(${process.pid})`);
  });

  test('a port held by something that speaks no HTTP is found too', async () => {
    const other = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: { data() {}, open: (socket) => void socket.end('x') },
    });
    const [finding] = of(await doctor({ FLOW_PORT: String(other.port) }), 'port');
    other.stop(true);
    expect(finding).toMatchObject({ level: 'bad' });
  });

  test('the same port of ::1 is looked at too, since Flow listens there', async () => {
    let other: Bun.Server<undefined>;
    try {
      other = Bun.serve({ hostname: '::1', port: 0, fetch: () => new Response('hi') });
    } catch {
      // A machine without IPv6 has no such port.
      return;
    }
    const [finding] = of(await doctor({ FLOW_PORT: String(other.port) }), 'port');
    await other.stop(true);
    expect(finding).toMatchObject({ level: 'bad', says: expect.stringContaining('cannot listen') });
  });

  test('an engine that a former Flow left running is found, and not ended', async () => {
    const nonce = crypto.randomUUID();
    const left = Bun.spawn(['sleep', '60'], { env: { PATH: TOOLS, FLOW_INSTANCE: nonce } });
    try {
      const startTime = await until('its start', () => systemProbe.startTime(left.pid));
      const executable = Bun.which('sleep', { PATH: TOOLS }) ?? 'sleep';
      const entry = { pid: left.pid, startTime, nonce, port: 8081, modelId: 'qwen', executable };
      writeFileSync(join(dataDir, 'engines.pids.json'), JSON.stringify([entry]), { mode: 0o600 });
      const [finding] = of(await doctor(), 'leftovers');
      expect(finding).toMatchObject({ level: 'warning', says: expect.stringContaining(`qwen (process ${left.pid})`) });
      expect(left.exitCode).toBeNull();
    } finally {
      left.kill();
      await left.exited;
    }
    expect(of(await doctor(), 'leftovers')).toMatchObject([{ level: 'good' }]);
  });

  test('a missing engine is a remark, and a problem once nothing may fetch one', async () => {
    expect(of(await doctor(), 'engine')).toMatchObject([{ level: 'warning', fix: 'flow engines install llama.cpp' }]);
    writeFileSync(join(dataDir, 'settings.json'), '{"engine_auto_install": false}', { mode: 0o600 });
    expect(of(await doctor(), 'engine')).toMatchObject([{ level: 'bad', fix: 'flow engines install llama.cpp' }]);
  });

  test('an engine that was named and does not work is a problem', async () => {
    const program = join(dataDir, 'llama-server');
    writeFileSync(
      program,
      '#!/bin/sh\necho "error while loading shared libraries: libfoo.so: no such file" >&2\nexit 127\n',
    );
    chmodSync(program, 0o755);
    const [finding] = of(await doctor({ FLOW_LLAMA_SERVER: program }), 'engine');
    expect(finding).toMatchObject({ level: 'bad', says: expect.stringContaining('libfoo.so is missing') });
    const [absent] = of(await doctor({ FLOW_LLAMA_SERVER: '/no/such/llama-server' }), 'engine');
    expect(absent).toMatchObject({ level: 'bad', says: expect.stringContaining('no such file') });
  });

  test('an engine that works is named with its version', async () => {
    const { executable } = realEngine();
    const [finding] = of(await doctor({ FLOW_LLAMA_SERVER: executable }), 'engine');
    expect(finding).toMatchObject({ level: 'good', says: expect.stringContaining(executable) });
  });

  test('an address beyond loopback without a key is a problem', async () => {
    expect(of(await doctor({ FLOW_HOST: '0.0.0.0' }), 'exposure')).toMatchObject([{ level: 'bad' }]);
  });

  test('the marks and the fix stand in lines of their own', async () => {
    mkdirSync(join(dataDir, 'logs'), { mode: 0o755 });
    chmodSync(join(dataDir, 'logs'), 0o755);
    const { stdout } = await flow(['doctor'], { environment: { PATH: TOOLS, FLOW_DATA_DIR: dataDir, FLOW_PORT: '0' } });
    expect(stdout).toMatch(/^✓ Bun /);
    expect(stdout).toMatch(/\n! Others may read .*logs \(0755\)\.\n {4}chmod go= '.*logs'\n/);
    expect(stdout).toMatch(/\n0 problems, 2 remarks\.\n$/);
  });
});

describe('while Flow runs', () => {
  test('its engine and models are asked for, and a file that is gone is found', async () => {
    await using gateway = await startFlow({ engine: realEngine().executable, dataDir });
    const { port } = new URL(gateway.url);
    const well = await doctor({ FLOW_PORT: port });
    expect(well.findings.filter(({ level, check }) => level !== 'good' && check !== 'other-servers')).toEqual([]);
    expect(of(well, 'port')[0]?.says).toContain('runs at 127.0.0.1');
    rmSync(join(dataDir, 'models', 'flow-demo.gguf'));
    // A listing does not look at the disk twice within a second.
    await until('the listing sees it', async () =>
      JSON.stringify((await gateway.json('/api/models')).body).includes('no longer'),
    );
    const found = await doctor({ FLOW_PORT: port });
    expect(of(found, 'models')).toMatchObject([
      { level: 'warning', says: expect.stringContaining('flow-demo.gguf is no longer in') },
    ]);
    expect(found.code).toBe(0);
    const elsewhere = await doctor({ FLOW_PORT: port, FLOW_DATA_DIR: join(dataDir, 'other') });
    expect(of(elsewhere, 'data-dir').map(({ level }) => level)).toEqual(['good', 'warning']);
  });

  test('a key that is missing is a problem, not a crash', async () => {
    await using gateway = await startFlow({ dataDir, environment: { FLOW_API_KEY: 'some-key-of-some-length' } });
    const found = await doctor({ FLOW_PORT: new URL(gateway.url).port });
    expect({ code: found.code, key: of(found, 'key') }).toMatchObject({ code: 1, key: [{ level: 'bad' }] });
  });
});

describe('single checks', () => {
  const LEFT = { pid: 4711, startTime: 'x', nonce: 'n'.repeat(16), port: 8081, modelId: 'qwen', executable: '/x' };
  const cases: readonly (readonly [string, Finding, Finding['level'], RegExp])[] = [
    ['an old Bun', checkBun('1.3.14'), 'bad', /older than 1\.4/],
    ['this Bun', checkBun(Bun.version), 'good', /Bun/],
    ['a full disk', spaceFinding('disk', 'x', 5e6, 1e9), 'bad', /Only 5\.0 MB/],
    ['a nearly full disk', spaceFinding('disk', 'x', 5e8, 1e9), 'warning', /Only 500 MB/],
    ['a disk with room', spaceFinding('disk', 'x', 5e9, 1e9), 'good', /5\.0 GB/],
    ['an open door', checkExposure({ host: '0.0.0.0', port: 1 }, false, true), 'warning', /Everybody/],
    ['a door with a key', checkExposure({ host: '0.0.0.0', port: 1 }, true, false), 'good', /need an API key/],
    ['a proxy for all', checkProxies({ ALL_PROXY: 'http://p' }), 'warning', /ALL_PROXY/],
    ['a proxy but not here', checkProxies({ http_proxy: 'http://p', no_proxy: 'a, 127.0.0.1' }), 'good', /exempt/],
    ['too little memory', checkBudget(4e9, 9e9), 'bad', /needs 9\.0 GB/],
    ['enough memory', checkBudget(9e9, 4e9), 'good', /9\.0 GB/],
    ['a left engine', checkLeftovers([LEFT]), 'warning', /qwen \(process 4711\)/],
    ['nothing left', checkLeftovers([]), 'good', /No engine/],
  ];
  for (const [name, finding, level, says] of cases) {
    test(name, () => {
      expect(finding.level).toBe(level);
      expect(finding.says).toMatch(says);
      expect(finding.fix === null).toBe(level === 'good');
    });
  }

  test('a broken engine beside a good one is a remark', () => {
    const found = {
      installed: [{ id: 'b2', version: 'b2', executable: '/b2', origin: 'installed', is_chosen: true }],
      broken: [{ id: 'b1', executable: '/b1', origin: 'installed', reason: 'It crashed.' }],
    };
    expect(checkEngines(found, true).map(({ level }) => level)).toEqual(['good', 'warning']);
  });

  test('the demo does not count as a model that fits', () => {
    const demo = { is_demo: true, memory_gb: 0.1 };
    expect(smallestNeed([demo])).toBeNull();
    expect(smallestNeed([demo, { memory_gb: 9 }, { memory_gb: null, size_gb: 5 }])).toBe(5e9);
  });

  test('another model server is recognised by its words, at any other port than our own', async () => {
    using ollama = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('Ollama is running') });
    const port = ollama.port ?? 0;
    const recognises = (_: Response, text: string) => text.includes('Ollama');
    const rival = { name: 'Ollama', port, path: '/', fix: 'stop it', recognises };
    expect(await checkRivals(1, [rival])).toMatchObject([
      { level: 'warning', says: expect.stringContaining('Ollama') },
    ]);
    expect(await checkRivals(port, [rival])).toMatchObject([{ level: 'good' }]);
    expect(await checkRivals(1, [{ ...rival, recognises: () => false }])).toMatchObject([{ level: 'good' }]);
  });
});

test('missing MLX folders, and disks that are away, are named in the words of the listing', () => {
  const models = [
    { id: 'here', backend: 'gguf', missing: null },
    {
      id: 'org/mlx',
      backend: 'mlx',
      missing: { reason: 'folder', message: 'The folder /m is gone.', hint: 'Put it back.' },
    },
    {
      id: 'far',
      missing: { reason: 'volume', message: 'The disk at /mnt/d is not mounted.', hint: 'Connect the disk.' },
    },
  ];
  expect(checkModelFiles(models)).toMatchObject([
    { level: 'warning', says: 'org/mlx: The folder /m is gone.', fix: expect.stringContaining('flow rm org/mlx') },
    {
      level: 'warning',
      says: 'far: The disk at /mnt/d is not mounted.',
      fix: expect.stringContaining('Connect the disk.'),
    },
  ]);
  expect(checkModelFiles(models.slice(0, 1))).toMatchObject([{ level: 'good' }]);
});

test('a model whose chat template does not work is named, with what is wrong', () => {
  const models = [
    { id: 'sound', template_valid: true, template_errors: [] },
    { id: 'new', template_valid: null, template_errors: [] },
    { id: 'org/broken', template_valid: false, template_errors: ['It is not valid Jinja.', 'More.'] },
  ];
  expect(checkTemplates(models)).toMatchObject([
    { check: 'templates', level: 'warning', says: 'The chat template of org/broken: It is not valid Jinja.' },
  ]);
});

test('what other people’s engines serve needs no engine and no memory of Flow’s', () => {
  const external = { backend: 'mlx', external: true, size_gb: 5 };
  expect(checkMlx({ kinds: {} }, [external], false)).toEqual([]);
  expect(smallestNeed([external])).toBeNull();
});

test('MLX models without a server are told, worse where none is fetched by itself', () => {
  const found = {
    kinds: { 'llama.cpp': { installed: [{ is_chosen: true }] }, 'mlx-lm': { installed: [], broken: [] } },
  };
  const models = [{ id: 'one', backend: 'mlx' }];
  expect(checkMlx(found, [{ id: 'two', backend: 'gguf' }], false)).toEqual([]);
  expect(checkMlx(found, models, true)).toMatchObject([{ level: 'warning', fix: expect.stringContaining('mlx-lm') }]);
  expect(checkMlx(found, models, false)).toMatchObject([{ level: 'bad' }]);
  const served = { kinds: { 'mlx-lm': { installed: [{ kind: 'mlx-lm', version: '0.32.2', is_chosen: true }] } } };
  expect(checkMlx(served, models, false)).toMatchObject([{ level: 'good', says: expect.stringContaining('0.32.2') }]);
});
