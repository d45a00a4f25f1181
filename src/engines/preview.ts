/** The command line of a start that does not take place. */
import type { LaunchSettings, Model } from '#src/models/model.ts';
import type { EngineAdapter, InstalledEngine } from './engine.ts';

/** Where engines of a kind usually listen; the real port is chosen at the start. */
const USUAL_PORT = { gguf: 8081, mlx: 8100 } as const;

/**
 * What an engine would be started with. Keys are handed over by environment, and where they are not, a word stands in
 * place of one. Throws Fault('invalid-request') for what the engine would be refused.
 */
export function previewCommand(
  adapter: EngineAdapter,
  engine: InstalledEngine,
  model: Model,
  launch: LaunchSettings,
): readonly string[] {
  const plan = { model, launch, engine, port: USUAL_PORT[model.format], apiKey: 'KEY' };
  return adapter.command(plan).argv;
}
