/** What follows from what in an update, with engines on paper. With real ones: `test/e2e/engine-updates.test.ts`. */
import { describe, expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import { AutoUpdate } from '#src/upgrades/auto-update.ts';
import type { UpgradeRecords } from '#src/upgrades/records.ts';
import { someModel } from '../engines/support/plan.ts';
import { waitUntil } from '../support/wait-until.ts';
import { PaperShelf, paperUpgrades, updated } from './support/paper-shelf.ts';

const two: readonly Model[] = [someModel('/a.gguf', { id: 'a' }), someModel('/b.gguf', { id: 'b' })];

describe('an update', () => {
  test('chooses the new engine and remembers the former, also for the next Flow', async () => {
    const shelf = new PaperShelf('b1');
    const paper = paperUpgrades(shelf);
    expect(await updated(paper)).toMatchObject({ outcome: 'updated', from: { id: 'b1' }, to: { id: 'b2' } });
    expect(shelf.choice).toBe('b2');
    const next = paperUpgrades(shelf, { records: paper.records });
    expect((await next.upgrades.rollback('llama.cpp')).id).toBe('b1');
    expect(shelf.choice).toBe('b1');
  });

  test('keeps the default while it tries, on a shelf that would not', async () => {
    const shelf = new PaperShelf('b1');
    const during: (string | undefined)[] = [];
    const onTry = async () => during.push((await shelf.chosen())?.id);
    const paper = paperUpgrades(shelf, { fails: (id) => id === 'b2', onTry: () => void onTry() });
    expect(await updated(paper)).toMatchObject({ outcome: 'failed' });
    expect(during).toEqual(['b1', 'b1']);
    expect((await shelf.chosen())?.id).toBe('b1');
    expect(paper.tried).toEqual(['b2 on m', 'b1 on m']);
  });

  test('asks another model when one fails with both engines', async () => {
    const paper = paperUpgrades(new PaperShelf('b1'), { models: two, fails: (_, model) => model === 'a' });
    expect(await updated(paper)).toMatchObject({ outcome: 'updated', model: 'b' });
    expect(paper.tried).toEqual(['b2 on a', 'b1 on a', 'b2 on b']);
  });

  test('is undecided, and changes nothing, when no model works with either', async () => {
    const shelf = new PaperShelf('b1');
    const report = await updated(paperUpgrades(shelf, { models: two, fails: () => true }));
    expect(report.outcome).toBe('inconclusive');
    expect(report.message).toContain('not at fault');
    expect(shelf.choice).toBe('b1');
  });

  test('is untested without a model', async () => {
    const shelf = new PaperShelf('b1');
    expect(await updated(paperUpgrades(shelf, { models: [] }))).toMatchObject({
      outcome: 'untested',
      to: { id: 'b2' },
    });
    expect((await shelf.chosen())?.id).toBe('b1');
  });

  test('leaves what a person chose meanwhile', async () => {
    const shelf = new PaperShelf('b0', 'b1');
    const onTry = () => {
      shelf.choice = 'b1';
    };
    expect(await updated(paperUpgrades(shelf, { onTry }))).toMatchObject({ outcome: 'cancelled' });
    expect(shelf.choice).toBe('b1');
  });

  test('is untested where no room for a trial came, and changes nothing', async () => {
    const shelf = new PaperShelf('b1');
    const tryEngine = async () => {
      throw new Fault('no-memory', 'a runs.', { hint: 'Unload it.' });
    };
    const report = await updated(paperUpgrades(shelf, { tryEngine }));
    expect(report).toMatchObject({ outcome: 'untested', to: { id: 'b2' }, hint: 'Unload it.' });
    expect(report.message).toBe('llama.cpp b2 is here, but was not tried: a runs.');
    expect((await shelf.chosen())?.id).toBe('b1');
  });

  test('leaves what a person chose while the new engine was fetched', async () => {
    const shelf = new PaperShelf('b0', 'b1');
    const add = shelf.add.bind(shelf);
    shelf.add = async (version) => {
      shelf.choice = 'b1';
      return await add(version);
    };
    expect(await updated(paperUpgrades(shelf))).toMatchObject({ outcome: 'cancelled' });
    expect(shelf.choice).toBe('b1');
  });

  test('says that models are there but too large, instead of that none is there', async () => {
    const report = await updated(paperUpgrades(new PaperShelf('b1'), { freeBytes: () => 0 }));
    expect(report).toMatchObject({ outcome: 'untested' });
    expect(report.message).toMatch(/^No model fits beside what runs now/);
  });

  test('mends a default that cannot be used any more', async () => {
    const shelf = new PaperShelf('b1');
    shelf.choice = 'gone';
    expect(await updated(paperUpgrades(shelf))).toMatchObject({ outcome: 'updated', from: null });
    expect(shelf.choice).toBe('b2');
  });

  test('to what is used already tries nothing', async () => {
    const paper = paperUpgrades(new PaperShelf('b2'));
    expect(await updated(paper)).toMatchObject({ outcome: 'up-to-date' });
    expect(paper.tried).toEqual([]);
  });

  test('of an unknown kind, during another, or of a fixed default is refused', async () => {
    const { upgrades } = paperUpgrades(new PaperShelf('b1'));
    expect(() => upgrades.start({ kind: 'mlx-vlm', version: null, model: null })).toThrow('no engine called');
    upgrades.start({ kind: 'llama.cpp', version: null, model: null });
    expect(() => upgrades.start({ kind: 'llama.cpp', version: null, model: null })).toThrow('being updated');
    await expect(upgrades.rollback('llama.cpp')).rejects.toMatchObject({ kind: 'conflict' });
    const fixed = paperUpgrades(new PaperShelf('b1'), { fixedBy: () => 'It is named.' });
    expect(() => fixed.upgrades.start({ kind: 'llama.cpp', version: null, model: null })).toThrow('It is named.');
  });
});

describe('going back', () => {
  test('is refused where nothing was updated, and where the former engine has gone', async () => {
    const shelf = new PaperShelf('b1');
    const paper = paperUpgrades(shelf);
    await expect(paper.upgrades.rollback('llama.cpp')).rejects.toMatchObject({ kind: 'conflict' });
    await updated(paper);
    await shelf.remove('b1');
    await expect(paper.upgrades.rollback('llama.cpp')).rejects.toThrow('not there any more');
    expect(shelf.choice).toBe('b2');
  });
});

describe('what a former Flow did not end', () => {
  test('is told once', async () => {
    const first = paperUpgrades(new PaperShelf('b1'));
    first.records.begin({ kind: 'llama.cpp', version: null, startedAtMs: 5 });
    const next = paperUpgrades(new PaperShelf('b1'), { records: first.records });
    await next.upgrades.recover();
    expect(next.notices).toHaveLength(1);
    expect(next.records.reportOf('llama.cpp')).toMatchObject({ outcome: 'interrupted' });
    await next.upgrades.recover();
    expect(next.notices).toHaveLength(1);
  });
});

describe('by itself Flow', () => {
  const DAY_MS = 86_400_000;

  function auto(
    mode: 'off' | 'check' | 'update',
    isIdle = () => true,
    records?: UpgradeRecords,
    fixedBy: () => string | null = () => null,
  ) {
    const shelf = new PaperShelf('b1');
    const paper = paperUpgrades(shelf, { fixedBy, fails: (id) => id === 'b2', ...(records ? { records } : {}) });
    const { clock, bus, upgrades } = paper;
    paper.clock.advance(2 * DAY_MS);
    const looker = new AutoUpdate({ clock, bus, upgrades, settings: () => ({ engine_auto_update: mode }), isIdle });
    return { ...paper, shelf, looker };
  }

  async function settled({ upgrades }: ReturnType<typeof auto>): Promise<void> {
    for (let turn = 0; turn < 1_000 && upgrades.progress !== null; turn += 1) await Bun.sleep(0);
  }

  test('neither looks nor updates unless asked', async () => {
    const here = auto('off');
    await here.looker.look();
    expect(here.shelf.looks).toBe(0);
    expect(here.notices).toEqual([]);
  });

  test('looks once a day, also over a restart, and tells once', async () => {
    const here = auto('check');
    for (let time = 0; time < 3; time += 1) await here.looker.look();
    expect(here.shelf.looks).toBe(1);
    expect(here.notices).toEqual([
      'llama.cpp b2 is there. "flow engines update llama.cpp" tries it beside the one in use.',
    ]);
    const next = auto('check', () => true, here.records);
    await next.looker.look();
    expect(next.shelf.looks).toBe(0);
    next.clock.advance(DAY_MS);
    await next.looker.look();
    expect(next.shelf.looks).toBe(1);
    expect(next.shelf.engines.map(({ id }) => id)).toEqual(['b1']);
  });

  test('updates only when nothing is asked, and tries a bad version once', async () => {
    let isIdle = false;
    const here = auto('update', () => isIdle);
    await here.looker.look();
    await settled(here);
    expect(here.tried).toEqual([]);
    isIdle = true;
    await here.looker.look();
    await settled(here);
    expect(here.tried).toEqual(['b2 on m', 'b1 on m']);
    expect((await here.shelf.chosen())?.id).toBe('b1');
    await here.looker.look();
    await settled(here);
    expect(here.tried).toHaveLength(2);
  });

  test('says and does nothing of an engine that the environment names', async () => {
    for (const mode of ['check', 'update'] as const) {
      const here = auto(mode, undefined, undefined, () => 'It is named.');
      await here.looker.look();
      expect({ notices: here.notices, looks: here.shelf.looks, tried: here.tried }).toEqual({
        ...{ notices: [], looks: 0, tried: [] },
      });
    }
  });

  test('tries a version that could not be had a day later, not every ten minutes', async () => {
    const here = auto('update');
    let times = 0;
    here.shelf.add = async () => {
      times += 1;
      throw new Fault('install-failed', 'What was fetched does not run here.');
    };
    for (let look = 0; look < 3; look += 1) {
      here.clock.advance(600_000);
      await here.looker.look();
      await settled(here);
    }
    expect(times).toBe(1);
    here.clock.advance(DAY_MS);
    await here.looker.look();
    await settled(here);
    expect(times).toBe(2);
  });

  test('does not begin again what a person has cancelled', async () => {
    const here = auto('update');
    let times = 0;
    here.shelf.add = (_version: string | null, signal?: AbortSignal) => {
      times += 1;
      const { promise, reject } = Promise.withResolvers<never>();
      signal?.addEventListener('abort', () => reject(new Fault('cancelled', 'It was cancelled.')));
      return promise;
    };
    await here.looker.look();
    await waitUntil('the fetching to begin', () => times === 1);
    await here.upgrades.cancel();
    here.clock.advance(2 * DAY_MS);
    await here.looker.look();
    await settled(here);
    expect(times).toBe(1);
  });
});
