/** The adapters of the MLX servers. */
import type { EngineAdapter } from '#src/engines/engine.ts';
import type { MlxKind } from '../kinds.ts';
import { mlxLm } from './mlx-lm.ts';
import { mlxOpenaiServer } from './mlx-openai-server.ts';
import { mlxVlm } from './mlx-vlm.ts';
import type { MlxAdapterDeps } from './serve-plan.ts';

/** One of each kind. */
export function mlxAdapters(deps: MlxAdapterDeps): Readonly<Record<MlxKind, EngineAdapter>> {
  return { 'mlx-lm': mlxLm(deps), 'mlx-openai-server': mlxOpenaiServer(deps), 'mlx-vlm': mlxVlm(deps) };
}
