/** Keeps one MLX model with a real server, as Flow does: `await using keeper = await keepMlx('mlx-lm', folder)`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import type { EngineAdapter, InstalledEngine } from '#src/engines/engine.ts';
import { mlxAdapters } from '#src/engines/mlx/adapters/adapters.ts';
import type { MlxKind } from '#src/engines/mlx/kinds.ts';
import { Bus } from '#src/events.ts';
import { Logs } from '#src/logs/logs.ts';
import { readMlx } from '#src/mlx/read.ts';
import type { LaunchSettings, Model } from '#src/models/model.ts';
import { detectTraits } from '#src/models/traits.ts';
import type { MemoryTaken } from '#src/supervision/engine-run.ts';
import type { ModelState, Supervisor } from '#src/supervision/model-state.ts';
import { Ports } from '#src/supervision/ports.ts';
import { ProcessRegistry } from '#src/supervision/process-registry.ts';
import { makeSupervisor } from '#src/supervision/supervisor.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { type RealMlx, realMlx } from './mlx-engine.ts';
import { marked } from './processes.ts';
import { waitUntil } from './wait-until.ts';

export type MlxKeeperOptions = {
  readonly model?: Partial<Model>;
  readonly launch?: Partial<LaunchSettings>;
  readonly stallS?: number;
  /** Ports to give out; by default those of MLX. */
  readonly ports?: Ports;
};

export type MlxKeeper = AsyncDisposable & {
  readonly supervisor: Supervisor;
  readonly model: Model;
  readonly changes: ModelState[];
  readonly memory: MemoryTaken[];
  /** Starts it and waits for a phase. */
  start(): void;
  until<Phase extends ModelState['phase']>(phase: Phase, maxMs?: number): Promise<ModelState & { phase: Phase }>;
  /** Its whole log. */
  log(): string;
  /** Pids of all processes of this keeper's engines. */
  left(): readonly number[];
  /** Waits until none of them is left: a killed process takes some milliseconds to vanish on a busy machine. */
  untilGone(): Promise<void>;
};

/** The environment of servers in tests: without it the first requests compile for seconds. */
export const MLX_TEST_ENVIRONMENT = { PATH: process.env.PATH, HOME: process.env.HOME, MLX_DISABLE_COMPILE: '1' };

/** The adapter of a kind as Flow has it, asking a real server's options. */
export function testAdapter(kind: MlxKind, engine: RealMlx | null, root: string): EngineAdapter {
  return mlxAdapters({
    environment: MLX_TEST_ENVIRONMENT,
    allowedRoots: () => [root],
    optionsOf: (of: InstalledEngine) => engine?.shelf.optionsOf(of) ?? null,
    traitsOf: ({ name, hfId, path }) => {
      const { architecture, chatTemplate } = readMlx(path);
      return detectTraits({ architecture, name, hfId, chatTemplate });
    },
    homeDir: join(root, 'home'),
  })[kind];
}

/** A model's keeper over a real server; null when it could not be installed here and nobody demands it. */
export async function keepMlx(kind: MlxKind, path: string, options: MlxKeeperOptions = {}): Promise<MlxKeeper | null> {
  const engine = await realMlx(kind);
  if (!engine) return null;
  const root = mkdtempSync(join(tmpdir(), 'flow-mlx-'));
  const logs = new Logs({ clock: systemClock, bus: new Bus(), folder: null });
  const processRegistry = new ProcessRegistry({ path: join(root, 'engines.pids.json') });
  const changes: ModelState[] = [];
  const memory: MemoryTaken[] = [];
  const supervisor = makeSupervisor({
    clock: systemClock,
    logs,
    engines: { ensure: async () => engine },
    adapterFor: () => testAdapter(kind, engine, root),
    launchFor: () => someLaunch({ ctx_size: 4096, ...options.launch }),
    processRegistry,
    ports: options.ports ?? new Ports(),
    settings: () => ({ load_stall_seconds: options.stallS ?? 60 }),
    onMemory: (_model, _launch, taken) => memory.push(taken),
  })('scripted', (state) => changes.push(state));
  const model = someModel(path, { id: 'scripted', name: 'scripted', format: 'mlx', ...options.model });
  const left = () => marked(processRegistry.nonce);
  return {
    supervisor,
    model,
    changes,
    memory,
    left,
    untilGone: async () => void (await waitUntil('no process', () => left().length === 0, 1_000)),
    start: () => supervisor.start(model, {}),
    until: (phase, maxMs = 60_000) => {
      const reached = (state: ModelState): state is ModelState & { phase: typeof phase } => state.phase === phase;
      return waitUntil(phase, () => (reached(supervisor.state) ? supervisor.state : null), maxMs);
    },
    log: () =>
      logs
        .tail({ source: 'scripted', lines: 2_000 })
        .entries.map(({ text }) => text)
        .join('\n'),
    [Symbol.asyncDispose]: async () => {
      supervisor.stop('shutdown');
      for (const pid of left()) process.kill(pid, 'SIGKILL');
      await waitUntil('nothing to be left', () => left().length === 0, 10_000);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
