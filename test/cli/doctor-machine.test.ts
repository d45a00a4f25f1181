/** flow doctor: the machine round Flow, its secrets, and engines that are broken in one way each. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '#src/cli/doctor/finding.ts';
import { checkClock, checkOpenFiles, checkSleep } from '#src/cli/doctor/machine-checks.ts';
import { openFilesMax } from '#src/descriptors.ts';
import { freePort } from '#test/support/free-port.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { startFlow } from '#test/support/running-flow.ts';
import { flow } from './flow-command.ts';

const TOOLS = '/usr/bin:/bin';
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-doctor-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

async function doctor(environment: Readonly<Record<string, string>> = {}, argv: readonly string[] = []) {
  const given = { PATH: TOOLS, FLOW_DATA_DIR: dataDir, FLOW_PORT: '39', ...environment };
  const { stdout } = await flow(['doctor', '--json', ...argv], { environment: given });
  const findings: Finding[] = JSON.parse(stdout).findings;
  return (check: string) => findings.filter((one) => one.check === check);
}

describe('broken engines are named with what is wrong', () => {
  const cases: readonly (readonly [string, (path: string) => void, RegExp])[] = [
    ['one that is not executable', (path) => writeFileSync(path, '#!/bin/sh\n', { mode: 0o644 }), /execut|permission/i],
    ['one for another kind of processor', foreignProgram, /not a program for this kind of machine/],
    ['one that crashes', (path) => put(path, '#!/bin/sh\nkill -SEGV $$\n'), /crash|SIGSEGV|signal/i],
    ['one that is no llama-server', (path) => put(path, '#!/bin/sh\necho hello\n'), /llama-server|version/i],
  ];
  test.each(cases)('%s', async (_, make, says) => {
    const program = join(dataDir, 'llama-server');
    make(program);
    const [finding] = (await doctor({ FLOW_LLAMA_SERVER: program }))('engine');
    expect(finding).toMatchObject({ level: 'bad', says: expect.stringMatching(says) });
    expect(finding?.fix).toContain('FLOW_LLAMA_SERVER');
  });
});

function put(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** This machine's own program, but for its mark of the processor (bytes 18 and 19 of an ELF file). */
function foreignProgram(path: string): void {
  const bytes = readFileSync('/bin/sh');
  bytes.writeUInt16LE(0xf3, 18);
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
}

describe('secrets', () => {
  test('a key that is over is named, one that counts is not', async () => {
    await using gateway = await startFlow({ dataDir });
    for (const name of ['laptop', 'phone']) await gateway.json('/api/keys', { name, scopes: ['infer'] });
    expect((await doctor())('keys')).toEqual([]);
    gateway.kill('SIGTERM');
    await gateway.exited;
    const { Database } = await import('bun:sqlite');
    using records = new Database(join(dataDir, 'flow.db'));
    records.run("UPDATE api_keys SET expires_at_ms = 1 WHERE name = 'phone'");
    expect((await doctor())('keys')).toMatchObject([{ level: 'warning', says: 'A key is over: phone.' }]);
  });

  test.each([
    [401, 'bad', 'refuses the token'],
    [200, 'good', 'takes the token'],
    [503, 'good', 'does not say'],
  ] as const)('a hub that answers the token with %p: %s', async (status, level, says) => {
    const shown: (string | null)[] = [];
    using hub = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request) {
        shown.push(`${new URL(request.url).pathname} ${request.headers.get('authorization')}`);
        return new Response('', { status });
      },
    });
    const origin = `http://127.0.0.1:${hub.port}`;
    writeFileSync(join(dataDir, 'hub-token.json'), JSON.stringify({ origin, token: 'hf_tokenoftests' }), {
      mode: 0o600,
    });
    const [finding] = (await doctor({ HF_ENDPOINT: origin }))('hub-token');
    expect(finding).toMatchObject({ level, says: expect.stringContaining(says) });
    expect(shown).toEqual(['/api/whoami-v2 Bearer hf_tokenoftests']);
    expect(JSON.stringify(finding)).not.toContain('hf_token');
    // Another hub than the one it was made for does not get it.
    expect((await doctor({ HF_ENDPOINT: 'http://127.0.0.1:9' }))('hub-token')).toEqual([]);
  });
});

describe('what is on the disk', () => {
  test('a copy of a damaged file is told of, until it is gone', async () => {
    const kept = join(dataDir, 'flow.db.bad-1764000000000');
    writeFileSync(kept, 'x', { mode: 0o600 });
    const [finding] = (await doctor())('set-aside');
    expect(finding).toMatchObject({ level: 'warning', says: expect.stringContaining('flow.db.bad-1764') });
    Bun.spawnSync(['sh', '-c', finding?.fix?.split('else: ')[1] ?? 'exit 9']);
    expect((await doctor())('set-aside')).toEqual([]);
  });

  test('a saved setting that the environment or a flag overrules is told of', async () => {
    writeFileSync(join(dataDir, 'settings.json'), '{"port": 3999}', { mode: 0o600 });
    expect((await doctor())('overrides')).toMatchObject([
      { level: 'warning', says: 'By the environment port is 39, not 3999 as saved.' },
    ]);
    expect((await doctor({}, ['--port', '40']))('overrides')[0]?.says).toContain('By the command line port is 40');
    writeFileSync(join(dataDir, 'settings.json'), '{"port": 39}', { mode: 0o600 });
    expect((await doctor())('overrides')).toEqual([]);
  });

  test('files from the future tell of a clock that went back', () => {
    const now = Date.UTC(2026, 10, 23);
    expect(checkClock(dataDir, now).level).toBe('good');
    const path = join(dataDir, 'settings.json');
    writeFileSync(path, '{}');
    utimesSync(path, new Date(now + 10 * 86_400_000), new Date(now + 10 * 86_400_000));
    expect(checkClock(dataDir, now)).toMatchObject({ level: 'warning', says: expect.stringContaining('2026-12-03') });
    expect(checkClock(dataDir, 0)).toMatchObject({ level: 'bad', says: expect.stringContaining('1970') });
  });
});

describe('the machine', () => {
  test('few open files are a remark, very few a problem', async () => {
    expect([65_536, 1_000, 100, null].map((limit) => checkOpenFiles(limit).level)).toEqual([
      'good',
      'warning',
      'bad',
      'good',
    ]);
    expect(openFilesMax()).toBeGreaterThan(0);
    const limited = Bun.spawnSync(['sh', '-c', `ulimit -n 200; exec bun src/main.ts doctor --json`], {
      cwd: join(import.meta.dir, '..', '..'),
      env: { PATH: process.env.PATH ?? '', HOME: dataDir, FLOW_DATA_DIR: join(dataDir, 'new'), FLOW_PORT: '39' },
    });
    const findings: Finding[] = JSON.parse(limited.stdout.toString()).findings;
    expect(findings.find(({ check }) => check === 'open-files')).toMatchObject({
      level: 'bad',
      says: expect.stringContaining('200 files'),
    });
  });

  test('what keeps the computer awake is told, and that nothing does', () => {
    mkdirSync(join(dataDir, 'bin'));
    put(join(dataDir, 'bin', 'caffeinate'), '#!/bin/sh\n');
    const environment = { PATH: join(dataDir, 'bin') };
    expect(checkSleep(true, environment, 'darwin').says).toStartWith('caffeinate keeps');
    expect(checkSleep(true, environment, 'linux').says).toStartWith('Nothing keeps');
    expect(checkSleep(false, environment, 'darwin').says).toContain('keep_awake is off');
  });

  test.if(process.platform === 'linux')(
    'an engine that is open to the network is found, with its process',
    async () => {
      const { executable, libraryPath } = realEngine();
      const port = freePort();
      const start = (host: string) =>
        Bun.spawn([executable, '--host', host, '--port', String(port), '--models-dir', dataDir], {
          env: { PATH: TOOLS, HOME: dataDir, ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}) },
          stdio: ['ignore', 'ignore', 'ignore'],
        });
      for (const [host, isOpen] of [
        ['0.0.0.0', true],
        ['127.0.0.1', false],
      ] as const) {
        const engine = start(host);
        try {
          const endMs = Date.now() + 20_000;
          while (Date.now() < endMs && !(await fetch(`http://127.0.0.1:${port}/health`).catch(() => null)))
            await Bun.sleep(50);
          const mine = (await doctor())('exposed-engines').filter(({ says }) => says.includes(String(engine.pid)));
          expect(mine.map(({ level }) => level)).toEqual(isOpen ? ['warning'] : []);
        } finally {
          engine.kill('SIGKILL');
          await engine.exited;
        }
      }
    },
    180_000,
  );
});
