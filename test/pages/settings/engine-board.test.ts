/** What the page knows of engines, over made-up shelves. Engines themselves: test/engines, test/upgrades. */
import { describe, expect, test } from 'bun:test';
import type { InstalledEngine } from '#src/engines/engine.ts';
import type { InstallProgress } from '#src/engines/install-source.ts';
import type { WatchedShelf } from '#src/engines/overview.ts';
import { EngineBoard } from '#src/pages/settings/engine-board.ts';
import type { UpdateProgress } from '#src/upgrades/wire.ts';

type Scene = {
  installed: InstalledEngine[];
  chosen: string | null;
  latest: string | null;
  install: InstallProgress | null;
  update: UpdateProgress | null;
  former: string | null;
  report: Record<string, unknown> | null;
};

const engine = (id: string, origin: InstalledEngine['origin'] = 'installed'): InstalledEngine => ({
  kind: 'llama.cpp',
  id,
  version: id,
  executable: `/engines/${id}/llama-server`,
  origin,
  libraryPath: null,
});

function open(parts: Partial<Scene>) {
  const scene: Scene = {
    ...{ installed: [engine('b2'), engine('b1')], chosen: 'b2', latest: null },
    ...{ install: null, update: null, former: null, report: null },
    ...parts,
  };
  const shelf: WatchedShelf = {
    kind: 'llama.cpp',
    list: async () => ({ installed: scene.installed, broken: [] }),
    chosen: async () => scene.installed.find(({ id }) => id === scene.chosen) ?? null,
    choose: async () => {},
    remove: async () => {},
    add: async () => engine('b3'),
    checkUpdates: () => {},
    get updates() {
      return { isChecking: false, latest: scene.latest, checkedAtMs: null, trouble: null };
    },
    installer: {
      get progress() {
        return scene.install;
      },
      get isRunning() {
        return scene.install !== null && scene.install.phase !== 'failed';
      },
      log: [],
      onProgress: () => () => {},
      cancel: () => {},
    },
    sizeOf: () => 80e6,
  };
  let changes = 0;
  const board = new EngineBoard({
    shelves: () => [shelf],
    upgrades: {
      get progress() {
        return scene.update;
      },
      records: { formerOf: () => scene.former, reportOf: () => scene.report } as never,
    },
    fixedBy: () => null,
    onChange: () => {
      changes += 1;
    },
  });
  const kind = () => {
    const [first] = board.kinds();
    if (!first) throw new Error('No kind');
    return first;
  };
  return { scene, board, kind, changes: () => changes };
}

describe('engine board', () => {
  test('says that it has not looked yet, and then what there is and which is used', async () => {
    const { board, kind, changes } = open({});
    expect(kind()).toMatchObject({ isSeen: false, engines: [] });
    await board.look();
    expect(kind()).toMatchObject({ isSeen: true, isNewer: false });
    expect(kind().engines.map(({ id, isChosen, isRemovable }) => [id, isChosen, isRemovable])).toEqual([
      ['b2', true, false],
      ['b1', false, true],
    ]);
    expect(changes()).toBe(1);
  });

  test('what others installed is not offered for removal', async () => {
    const { board, kind } = open({ installed: [engine('b2'), engine('path:/usr/bin/llama-server', 'path')] });
    await board.look();
    expect(kind().engines.map(({ isRemovable }) => isRemovable)).toEqual([false, false]);
  });

  test('a look during a look leads to one more, so that the last change is seen', async () => {
    const { board, scene } = open({});
    const first = board.look();
    scene.installed = [engine('b3')];
    scene.chosen = 'b3';
    void board.look();
    await first;
    expect(board.idsOf('llama.cpp')).toEqual(['b3']);
    expect(board.chosenOf('llama.cpp')).toBe('b3');
  });

  test('a newer version and the way back are known', async () => {
    const { board, kind } = open({ latest: 'b10', former: 'b1' });
    await board.look();
    expect(kind()).toMatchObject({ latest: 'b10', isNewer: true, rollbackTo: 'b1' });
  });

  test('there is no way back to an engine that is gone', async () => {
    const { board, kind } = open({ former: 'b0' });
    await board.look();
    expect(kind().rollbackTo).toBeNull();
  });

  test('an installation shows its share, and afterwards why it ended', async () => {
    const step = { source: 'release', bytes: 40, totalBytes: 100, message: 'Downloading.' } as const;
    const { scene, kind } = open({ install: { ...step, phase: 'downloading' } });
    expect(kind().work).toMatchObject({ kind: 'install', ratio: 0.4, message: 'Downloading.' });
    scene.install = { ...step, phase: 'failed', message: 'The disk is full.' };
    expect(kind().work).toEqual({ kind: 'failed', message: 'The disk is full.' });
  });

  test('an update shows the questions of its trial', () => {
    const update: UpdateProgress = {
      ...{ kind: 'llama.cpp', version: null, phase: 'trying', ratio: null, message: 'Trying b3 on tiny' },
      ...{
        step: 'chat',
        steps: [{ name: 'start', outcome: 'passed', durationMs: 1, words: 'Ready.' }],
        startedAtMs: 0,
      },
    };
    const { kind } = open({ update });
    expect(kind().work).toMatchObject({ kind: 'update', ratio: null, step: 'chat', steps: [{ name: 'start' }] });
  });

  test('a report is read as it was kept; one that says nothing is none', () => {
    const { scene, kind } = open({
      report: { outcome: 'failed', message: 'It stutters.', hint: null, ended_at: 5, steps: [{ name: 'chat' }, 7] },
    });
    expect(kind().report).toMatchObject({
      outcome: 'failed',
      isGood: false,
      endedAtMs: 5000,
      steps: [{ name: 'chat' }],
    });
    scene.report = { outcome: 'updated' };
    expect(kind().report).toBeNull();
  });
});
