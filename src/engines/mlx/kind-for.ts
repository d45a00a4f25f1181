/** Which server an MLX model is served by. Pure. */
import type { LaunchSettings, Model } from '#src/models/model.ts';
import { MLX_KINDS, type MlxKind } from './kinds.ts';

/** What decides it of a model. */
export type Servable = Pick<Model, 'capabilities'>;

/**
 * The kind that was chosen for the model, else the best of those that are here for what it can do, else the one to
 * install for it.
 */
export function mlxKindFor(
  { capabilities }: Servable,
  { mlx_engine }: Pick<LaunchSettings, 'mlx_engine'>,
  present: ReadonlySet<MlxKind>,
): MlxKind {
  const chosen = MLX_KINDS.find((kind) => kind === mlx_engine);
  if (chosen) return chosen;
  const fitting = fittingKinds(capabilities);
  return fitting.find((kind) => present.has(kind)) ?? fitting[0];
}

/** Best first. mlx-lm answers no embeddings and sees nothing. */
function fittingKinds({ vision, embedding }: Model['capabilities']): readonly [MlxKind, ...MlxKind[]] {
  if (vision) return ['mlx-vlm', 'mlx-openai-server'];
  if (embedding) return ['mlx-openai-server'];
  return MLX_KINDS;
}
