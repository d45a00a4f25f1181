/** A trial of a real MLX server on a scripted model: the same questions as for llama-server, asked in its own way. */
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { Ports } from '#src/supervision/ports.ts';
import { ProcessRegistry } from '#src/supervision/process-registry.ts';
import { makeSupervisor } from '#src/supervision/supervisor.ts';
import { SocketEngineClient } from '#src/transport/client.ts';
import { tryEngine } from '#src/upgrades/trial.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { realMlx } from '#test/support/mlx-engine.ts';
import { testAdapter } from '#test/support/mlx-keeper.ts';
import { marked } from '#test/support/processes.ts';
import { MLX_SCRIPTS, writeScriptedMlx } from '#test/support/scripted-mlx.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const engine = await realMlx('mlx-lm');

test.if(engine !== null)(
  'mlx-lm answers every question of a trial and leaves nothing running',
  async () => {
    if (!engine) return;
    const root = mkdtempSync(join(tmpdir(), 'flow-mlx-trial-'));
    const path = join(root, 'scripted');
    await writeScriptedMlx(path, { scripts: MLX_SCRIPTS });
    const processRegistry = new ProcessRegistry({ path: join(root, 'engines.pids.json') });
    const client = new SocketEngineClient();
    const begun: string[] = [];
    try {
      const capabilities = { tools: true, thinking: true, vision: false, embedding: false };
      const model = someModel(path, { id: 'scripted', name: 'scripted', format: 'mlx', capabilities });
      const trial = await tryEngine(
        { engine, model, launch: someLaunch({ ctx_size: 4096, n_parallel: 1 }) },
        {
          clock: systemClock,
          client,
          logs: { append: () => {}, protect: () => () => {}, noteDropped: () => {} },
          boundS: () => 60,
          room: ({ engine: tried, launch, logs }) =>
            makeSupervisor({
              ...{ clock: systemClock, logs, processRegistry, ports: new Ports() },
              engines: { ensure: async () => tried },
              adapterFor: () => testAdapter('mlx-lm', engine, root),
              launchFor: () => launch,
              settings: () => ({ load_stall_seconds: 60 }),
            }),
        },
        new AbortController().signal,
        { onBegin: (name) => begun.push(name), onResult: () => {} },
      );
      expect(trial.steps.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
      expect(begun).toEqual(['start', 'chat', 'stream', 'tools', 'thinking', 'stop']);
      // A killed process takes some milliseconds to vanish.
      await waitUntil('nothing to be left', () => marked(processRegistry.nonce).length === 0);
    } finally {
      client.close();
      rmSync(root, { recursive: true, force: true });
    }
  },
  180_000,
);
