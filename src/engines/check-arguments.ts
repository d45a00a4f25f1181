/** Checks extra arguments when it is not known yet which engine will get them. */
import { Fault } from '#src/faults.ts';
import type { ModelFormat } from '#src/models/model.ts';
import { extraArguments } from './extra-arguments.ts';
import type { FlagTable } from './flag-rules.ts';
import { mlxFlags } from './mlx/adapters/flags.ts';
import { isMlxKind, MLX_KINDS } from './mlx/kinds.ts';

/** For what they are: a model of this format (null = any), with this wish for an MLX engine (empty = none). */
export type ArgumentsFor = { readonly format: ModelFormat | null; readonly wished: string };

/** Throws Fault('invalid-request') when no engine that may be meant takes them. */
export function checkArguments(items: readonly string[], roots: readonly string[], of: ArgumentsFor): void {
  let refusal: Fault | null = null;
  for (const table of tablesFor(of)) {
    try {
      extraArguments(items, roots, table);
      return;
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      refusal ??= cause;
    }
  }
  if (refusal) throw refusal;
}

/** Undefined stands for llama-server's own. */
function tablesFor({ format, wished }: ArgumentsFor): readonly (FlagTable | undefined)[] {
  const ofMlx = isMlxKind(wished) ? [mlxFlags(wished)] : MLX_KINDS.map((kind) => mlxFlags(kind));
  switch (format) {
    case 'gguf':
      return [undefined];
    case 'mlx':
      return ofMlx;
    default:
      return [undefined, ...ofMlx];
  }
}
