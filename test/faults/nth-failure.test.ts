/**
 * Every writing of Flow's own files, with its first call to the disk failing, then its second, and so on until it
 * passes, with each code of a disk in trouble. What is there afterwards is the old content or the new one, whole, and
 * nothing is left lying about but a file that says by its name what it is. Whole disks that are full or read-only:
 * own-life.test.ts.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { agentNamed } from '#src/agents/agents.ts';
import { writeTemplates } from '#src/behaviour/template-files.ts';
import { connect, drafts, undo } from '#src/cli/connect/perform.ts';
import { systemClock } from '#src/clock.ts';
import { systemDisk } from '#src/downloads/disk.ts';
import { Part } from '#src/downloads/part.ts';
import { RecordFiles } from '#src/downloads/record.ts';
import { writeStanding } from '#src/engines/standing-default.ts';
import { Bus } from '#src/events.ts';
import { ExternalKeys } from '#src/external/external-keys.ts';
import { HubToken } from '#src/hub/token.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { Registry } from '#src/models/registry.ts';
import { RemovalRecords } from '#src/models/removal-records.ts';
import { Removals } from '#src/models/removals.ts';
import { openSettings, type SettingsFile } from '#src/settings/store.ts';
import { dataDirHolder, lockDataDir } from '#src/store/data-dir.ts';
import { ensureLocalKey, readLocalKey } from '#src/store/local-key.ts';
import { closeStore, openStore } from '#src/store/open.ts';
import { ProcessRegistry } from '#src/supervision/process-registry.ts';
import { writeWhole } from '#src/whole-file.ts';
import { bench } from '#test/engines/support/bench.ts';
import { FAKE_PROGRAM } from '#test/engines/support/fake-releases.ts';
import { tinyGguf } from '#test/engines/support/tiny-gguf.ts';
import { FailingFiles, failEachCall } from '#test/support/failing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let disk: FailingFiles;
let root: string;
let folder: string;
let tries = 0;
beforeAll(async () => {
  disk = await FailingFiles.begin();
});
afterAll(async () => disk[Symbol.asyncDispose]());
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flow-nth-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A folder of its own for each try, so that nothing is left from the one before. */
function fresh(): void {
  tries += 1;
  folder = join(root, String(tries));
  mkdirSync(folder);
}

/** All that lies below the folder of this try, but for temporary files, which say so by their names. */
function left(): string[] {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  return paths.map((path) => path.slice(folder.length + 1)).filter((path) => !/\.(new|tmp|part)$/.test(path));
}
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

test('F-76, F-77, F-80: settings are saved or as they were, in memory as on the disk', async () => {
  let settings: SettingsFile;
  const open = () =>
    openSettings({
      path: join(folder, 'settings.json'),
      bus: new Bus(),
      clock: new FakeClock(),
      overrides: {},
      modelsDirDefault: '/models',
    });
  const calls = await failEachCall(disk, {
    async prepare() {
      fresh();
      settings = await open();
      await settings.update({ queue_limit: 1 });
    },
    act: () => settings.update({ queue_limit: 2, cors_origins: ['http://localhost:5173'] }),
    async check(error) {
      const kept = error === null ? 2 : 1;
      expect(settings.current.queue_limit).toBe(kept);
      expect(JSON.parse(read('settings.json')).queue_limit).toBe(kept);
      expect(left().sort()).toEqual(['settings.json', 'settings.json.bak']);
      const next = await open();
      expect([next.current.queue_limit, next.notices]).toEqual([kept, []]);
    },
  });
  expect(calls).toBeGreaterThan(8);
});

test('F-76: a damaged file is mended or left, and the start never fails by it', async () => {
  await failEachCall(disk, {
    prepare() {
      fresh();
      writeFileSync(join(folder, 'settings.json.bak'), '{"queue_limit": 7}');
      writeFileSync(join(folder, 'settings.json'), '{"queue_limit": 7, "ji');
    },
    act: async () => {
      const bus = new Bus();
      const parts = { path: join(folder, 'settings.json'), bus, clock: new FakeClock(), overrides: {} };
      await openSettings({ ...parts, modelsDirDefault: '/models' });
    },
    check(error) {
      expect(error).toBeNull();
      // Whatever happened, the damaged text is still there to look at.
      const texts = left().map(read);
      expect(texts.some((text) => text.endsWith('"ji'))).toBe(true);
      expect(read('settings.json.bak')).toContain('7');
    },
  });
});

/** Files that hold one text, under one name. */
const WRITERS: readonly (readonly [what: string, name: string, write: (text: string) => void])[] = [
  ['any small file', 'a.json', (text) => writeWhole(join(folder, 'a.json'), text)],
  ['which engine stands', 'llama.cpp.default', (text) => writeStanding(join(folder, 'llama.cpp'), text)],
  [
    "the hub's token",
    'hub-token.json',
    (text) => {
      const token = new HubToken({ path: join(folder, 'hub-token.json'), protect: () => {} });
      token.save(`hf_${text}`, 'https://huggingface.co');
    },
  ],
  [
    'keys of engines elsewhere',
    'external-keys.json',
    (text) => new ExternalKeys({ path: join(folder, 'external-keys.json'), protect: () => {} }).save('http://a', text),
  ],
  [
    'what is remembered of a download',
    'aaaaaaaaaaaa.json',
    (text) => new RecordFiles(folder).save({ ...DOWNLOAD, note: text }),
  ],
  [
    'what was removed',
    `${'a'.repeat(36)}.json`,
    (text) => new RemovalRecords(folder).write({ ...REMOVAL, model: { ...MODEL, name: text } }),
  ],
];

test.each(WRITERS)('F-80: %s is the old text or the new one', async (_what, name, write) => {
  const [before, after] = ['before'.repeat(20), 'behind'.repeat(20)];
  const calls = await failEachCall(disk, {
    prepare() {
      fresh();
      write(before);
    },
    act: () => write(after),
    check(error) {
      // A failed sweep of what is not there costs nothing; then it passes.
      expect(read(name)).toContain(error === null ? after : before);
      expect(read(name).trim()).toEndWith(name.endsWith('.json') && name !== 'a.json' ? '}' : '');
      expect(left()).toEqual([name]);
    },
  });
  expect(calls).toBeGreaterThan(4);
});

test("F-80: Flow's own templates are whole or absent, and the next start completes them", async () => {
  await failEachCall(disk, {
    prepare: fresh,
    act: () => writeTemplates(folder),
    check(_error, failed) {
      const there = left();
      writeTemplates(folder);
      const whole = new Map(left().map((name) => [name, read(name)]));
      expect(whole.size).toBeGreaterThan(0);
      for (const name of there) expect([...whole.keys()]).toContain(name);
      if (failed === null) expect(there.length).toBe(whole.size);
    },
  });
});

test('F-80: the key of this user is there or not, and made anew when it is half', async () => {
  await failEachCall(disk, {
    prepare: fresh,
    act: () => ensureLocalKey(folder),
    check(error) {
      expect(error).toBeNull();
      expect(ensureLocalKey(folder)).toMatch(/^[0-9a-f]{64}$/);
      expect(readLocalKey(folder)).not.toBeNull();
      expect(left()).toEqual(['local-key']);
    },
  });
});

test('F-56, F-80: the data directory is held or not, and free for the next one afterwards', async () => {
  let held: Disposable | null = null;
  await failEachCall(disk, {
    prepare: fresh,
    act() {
      held = lockDataDir(folder);
    },
    check(error) {
      expect(dataDirHolder(folder)).toBe(error === null ? process.pid : null);
      held?.[Symbol.dispose]();
      held = null;
      using _lock = lockDataDir(folder);
      expect(left().filter((name) => name !== `flow.lock.${process.pid}`)).toEqual(['flow.lock']);
    },
  });
});

test('F-54, F-80: the list of running engines is the old one or the new one, and never stops a start', async () => {
  let registry: ProcessRegistry;
  const entry = { port: 8081, modelId: 'a', executable: '/bin/sh' };
  await failEachCall(disk, {
    prepare() {
      fresh();
      registry = new ProcessRegistry({ path: join(folder, 'engines.pids.json') });
      registry.add({ ...entry, pid: 4_000_001 });
    },
    act: () => registry.add({ ...entry, pid: 4_000_002 }),
    check(error, failed) {
      expect(error).toBeNull();
      const listed = JSON.parse(read('engines.pids.json')).map(({ pid }: { pid: number }) => pid);
      expect(listed[0]).toBe(4_000_001);
      if (failed === null) expect(listed).toHaveLength(2);
      expect(left()).toEqual(['engines.pids.json']);
    },
  });
});

test('F-80: the journal of a download never says more than the disk has', async () => {
  const goal = { revision: 'a'.repeat(40), sizeBytes: 9_000, sha256: null, gitId: null };
  let part: Part;
  const path = (): string => join(folder, 'model');
  await failEachCall(disk, {
    async prepare() {
      fresh();
      part = await Part.open(path(), goal, systemDisk);
      await part.write(new Uint8Array(3_000).fill(1), 0);
      await part.save();
    },
    async act() {
      await part.write(new Uint8Array(3_000).fill(2), 3_000);
      await part.save();
    },
    async check(error) {
      await part.close().catch(() => {});
      const next = await Part.open(path(), goal, systemDisk);
      const bytes = readFileSync(`${path()}.part`);
      expect([3_000, 6_000]).toContain(next.bytes);
      if (error === null) expect(next.bytes).toBe(6_000);
      expect(bytes.subarray(0, 3_000).every((byte) => byte === 1)).toBe(true);
      if (next.bytes === 6_000) expect(bytes.subarray(3_000, 6_000).every((byte) => byte === 2)).toBe(true);
      await next.close();
    },
  });
});

test('F-80: a model is removed with its file, or on the list with its file where it was', async () => {
  let registry: Registry;
  let removals: Removals;
  let close = (): void => {};
  const path = (): string => join(folder, 'models', 'a', 'a.gguf');
  await failEachCall(disk, {
    prepare() {
      close();
      fresh();
      mkdirSync(dirname(path()), { recursive: true });
      writeFileSync(path(), tinyGguf());
      const store = openStore(':memory:');
      const clock = new FakeClock();
      const modelsDir = (): string => join(folder, 'models');
      registry = new Registry({ store, bus: new Bus(), clock, headers: new HeaderCache(), modelsDir });
      const records = new RemovalRecords(join(folder, 'removals'));
      removals = new Removals({ registry, records, clock, modelsDir, onForgotten: () => {}, log: () => {} });
      registry.registerLocal(path(), undefined, { isManaged: true });
      close = () => {
        removals[Symbol.dispose]();
        closeStore(store);
      };
    },
    act: () => removals.remove(registry.list()[0]?.id ?? '', 'delete'),
    check(error) {
      expect(registry.list()).toHaveLength(error === null ? 0 : 1);
      if (error !== null) expect(existsSync(path())).toBe(true);
      // Where it is gone it can be had back, or lies in the trash: nothing is ever lost by a failure.
      const files = left().filter((name) => name.endsWith('.gguf'));
      expect(files).toHaveLength(1);
      expect(readFileSync(join(folder, files[0] ?? ''))).toEqual(Buffer.from(tinyGguf()));
    },
  });
  close();
});

test('F-80: an engine is installed anew, or the former one is where it was', async () => {
  const fetched = async ({ stagingDir }: { stagingDir: string }, text: string) => {
    const made = join(stagingDir, 'made');
    execFileSync('mkdir', [made]);
    execFileSync('sh', ['-c', 'cat > "$0/llama-server" && chmod 755 "$0/llama-server"', made], { input: text });
    return { kind: 'folder', id: 'b1', folder: made } as const;
  };
  let edition = '';
  const source = {
    name: 'release',
    canServe: () => true,
    fetch: (wish: { stagingDir: string }) => fetched(wish, `${FAKE_PROGRAM}\n# ${edition}\n`),
  } as const;
  let here: Awaited<ReturnType<typeof bench>> | null = null;
  const calls = await failEachCall(
    disk,
    {
      async prepare() {
        await here?.[Symbol.asyncDispose]();
        fresh();
        here = await bench({ folder, sources: [source] });
        edition = 'former';
        await here.installer.start({ source: null, version: null });
        edition = 'new';
      },
      act: () => here?.installer.start({ source: null, version: null }),
      check(error) {
        const program = read('engines/llama.cpp/b1/llama-server');
        expect(program).toContain(error === null ? '# new' : '# ');
        if (!program.includes('# new')) expect(program).toContain('# former');
      },
    },
    ['ENOSPC'],
  );
  await (here as unknown as AsyncDisposable | null)?.[Symbol.asyncDispose]();
  expect(calls).toBeGreaterThan(5);
});

test('F-77, F-80: an agent is connected or not, and can be taken back to what its files were', async () => {
  const before = '# mine\nmodel = "gpt-5" # was\n';
  const config = '.codex/config.toml';
  const plan = () =>
    agentNamed('codex').plan(
      {
        ...{ baseUrl: 'http://127.0.0.1:3377', apiKey: null, modelId: 'qwen', modelName: 'Qwen', environment: {} },
        contextTokens: 65_536,
        capabilities: { tools: true, thinking: true, vision: false, embedding: false },
        home: join(folder, 'home'),
      },
      () => false,
    );
  const data = (): string => join(folder, 'data');
  const about = { agent: 'codex', model: 'qwen', url: 'http://127.0.0.1:3377', connectedAt: '2026-11-23' };
  const calls = await failEachCall(disk, {
    prepare() {
      fresh();
      mkdirSync(join(folder, 'home', dirname(config)), { recursive: true });
      writeFileSync(join(folder, 'home', config), before);
    },
    act: () => connect(data(), drafts(plan(), null), about, null),
    check(error, failed) {
      const now = read(join('home', config));
      if (failed === null) expect(now).toContain('127.0.0.1:3377');
      if (error === null) expect(now).not.toBe(before);
      const isKnown = existsSync(join(data(), 'connections.json'));
      // No copy of which nobody knows, and no edit that cannot be taken back.
      if (!isKnown) expect([now, left()]).toEqual([before, [join('home', config)]]);
      else undo(data(), 'codex');
      expect(read(join('home', config))).toBe(before);
      expect(left().filter((name) => name.includes('backup') || name.includes('.flow-'))).toEqual([]);
    },
  });
  expect(calls).toBeGreaterThan(8);
});

const MODEL = {
  ...{ id: 'a', name: 'A', format: 'gguf', path: '/models/a.gguf', endpoint: null, hfId: null, quantization: null },
  ...{ sizeBytes: 5, trainedContextTokens: null, aliases: [], isDemo: false, isManaged: false },
  capabilities: { tools: true, thinking: false, vision: false, embedding: false },
  config: { launch: {}, behaviour: {}, cooldown_s: null, is_pinned: false, variants: {} },
  createdAtMs: systemClock.wallMs(),
  updatedAtMs: 2,
} as never as Parameters<RemovalRecords['write']>[0]['model'];
const REMOVAL = { token: 'a'.repeat(36), removedAtMs: 1, model: MODEL, trashed: null };
const DOWNLOAD = {
  ...{ version: 1, id: 'aaaaaaaaaaaa', key: 'o/m', repository: 'o/m', format: 'gguf', quantization: null },
  wish: { filename: null, quantization: null, withProjector: false, revision: null, draft: null },
  ...{ files: [], root: '/models', state: 'paused', reason: null, note: null, modelId: null },
  ...{ createdAtMs: 1, place: null, endedAtMs: null },
} as const as never as Parameters<RecordFiles['save']>[0];
