/** A shelf of engines that are only names, with an Upgrades around it: for what follows from what. */
import type { InstalledEngine } from '#src/engines/engine.ts';
import type { EngineShelf, UpdateCheck } from '#src/engines/shelf.ts';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import { openStore } from '#src/store/open.ts';
import { UpgradeRecords } from '#src/upgrades/records.ts';
import type { Trial } from '#src/upgrades/report.ts';
import { Upgrades, type UpgradesParts } from '#src/upgrades/upgrades.ts';
import { someLaunch, someModel } from '../../engines/support/plan.ts';
import { FakeClock } from '../../support/fake-clock.ts';

export function engine(id: string): InstalledEngine {
  return { kind: 'llama.cpp', id, version: id, executable: `/engines/${id}`, origin: 'installed', libraryPath: null };
}

/** Whatever is added last is used, as long as nobody chooses: a shelf that does not hold its default. */
export class PaperShelf implements EngineShelf {
  readonly kind = 'llama.cpp';
  readonly engines: InstalledEngine[];
  choice = '';
  updates: UpdateCheck = { isChecking: false, latest: null, checkedAtMs: null, trouble: null };
  looks = 0;
  /** What the release host has. */
  newest = 'b2';

  constructor(...ids: readonly string[]) {
    this.engines = ids.map(engine);
  }

  list = async () => ({ installed: this.engines, broken: [] });

  async chosen() {
    if (this.choice === '') return this.engines[0] ?? null;
    const named = this.engines.find(({ id }) => id === this.choice);
    if (named) return named;
    throw new Fault('engine-missing', `There is no ${this.choice}.`);
  }

  choose = async (id: string) => {
    this.choice = id;
  };

  remove = async (id: string) => {
    this.engines.splice(0, this.engines.length, ...this.engines.filter((each) => each.id !== id));
  };

  async add(version: string | null, _signal?: AbortSignal): Promise<InstalledEngine> {
    const id = version ?? this.newest;
    const held = this.engines.find((each) => each.id === id);
    if (held) return held;
    this.engines.unshift(engine(id));
    return engine(id);
  }

  checkUpdates() {
    this.looks += 1;
    this.updates = { ...this.updates, latest: this.newest };
  }
}

/** `fails` says which step of which engine on which model fails. */
export function paperUpgrades(
  shelf: EngineShelf | readonly EngineShelf[],
  parts: Partial<UpgradesParts> & {
    fails?: (engineId: string, modelId: string) => boolean;
    models?: readonly Model[];
    records?: UpgradeRecords;
    onTry?: () => void;
  } = {},
) {
  const clock = new FakeClock();
  const bus = new Bus();
  const notices: string[] = [];
  bus.subscribe((event) => {
    if (event.type === 'notice') notices.push(event.text);
  });
  const tried: string[] = [];
  const { fails = () => false, models = [someModel('/m.gguf', { id: 'm' })], onTry = () => {} } = parts;
  const records = parts.records ?? new UpgradeRecords(openStore(':memory:'));
  const upgrades = new Upgrades({
    ...{ clock, bus, records, shelves: [shelf].flat() },
    fixedBy: () => null,
    tryEngine: async ({ engine: { id }, model }): Promise<Trial> => {
      tried.push(`${id} on ${model.id}`);
      onTry();
      const outcome = fails(id, model.id) ? 'failed' : 'passed';
      const step = { name: 'chat', outcome, durationMs: 1, words: `${id} says.` } as const;
      return { engineId: id, engineVersion: id, modelId: model.id, steps: [step], tail: [] };
    },
    candidates: () => models.map((model, index) => ({ model, needBytes: 1, usedAtMs: 100 - index })),
    makeModel: async () => null,
    launchOf: () => someLaunch(),
    freeBytes: () => 10,
    sweep: async () => {},
    ...parts,
  });
  return { upgrades, records, clock, bus, notices, tried };
}

/** Begins an update and gives what came of it. */
export async function updated({ upgrades, records }: ReturnType<typeof paperUpgrades>, version: string | null = null) {
  upgrades.start({ kind: 'llama.cpp', version, model: null });
  for (let turn = 0; turn < 1_000 && upgrades.progress !== null; turn += 1) await Bun.sleep(0);
  return Object(records.reportOf('llama.cpp'));
}
