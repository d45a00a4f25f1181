/** Looks at an MLX folder before Python is started for it, which takes seconds to say less clearly what is wrong. */
import { join } from 'node:path';
import type { CrashKind, CrashReport } from '#src/engines/engine.ts';
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import { CONFIG_NAME, INDEX_NAME, missingShards, smallFile, weightNames } from '#src/mlx/folder.ts';
import { namesIn, statOrNull } from '#src/models/file-look.ts';
import type { Model } from '#src/models/model.ts';

type Finding = { readonly kind: CrashKind; readonly what: string };

const JSON_BYTES_MAX = 64 * 1024 * 1024;
const NAMED_MAX = 3;

/** Why a server could not load this model's folder, or null when it looks right. Reads names and small files only. */
export function precheckMlx(model: Model): CrashReport | null {
  if (model.format !== 'mlx') return null;
  const finding = check(model.path);
  if (!finding) return null;
  return {
    kind: finding.kind,
    isSticky: true,
    message: `${model.id} cannot be loaded: ${finding.what}.`,
    hint: model.isManaged ? 'Download the model again.' : 'Put its files back, or remove the model from the list.',
    exitCode: null,
    signal: null,
    tail: [],
  };
}

function check(path: string): Finding | null {
  const stats = statOrNull(path);
  if (!stats) return { kind: 'missing-file', what: `its folder ${path} is gone` };
  if (!stats.isDirectory()) return { kind: 'corrupt-file', what: `${path} is not a folder` };
  const names = namesIn(path);
  if (!names.includes(CONFIG_NAME)) return { kind: 'missing-file', what: `there is no ${CONFIG_NAME} in ${path}` };
  const weights = weightNames(names);
  if (weights.length === 0) return { kind: 'missing-file', what: `there are no weights (*.safetensors) in ${path}` };
  const missing = [...new Set([...missingShards(names), ...missingFromIndex(path, names)])];
  if (missing.length > 0) return { kind: 'missing-file', what: `${listed(missing)} is missing in ${path}` };
  const empty = weights.filter((name) => (statOrNull(join(path, name))?.size ?? 0) === 0);
  if (empty.length > 0) return { kind: 'corrupt-file', what: `${listed(empty)} is empty or leads nowhere` };
  return null;
}

function missingFromIndex(path: string, names: readonly string[]): string[] {
  if (!names.includes(INDEX_NAME)) return [];
  const map = weightMap(path);
  const wanted = new Set(Object.values(map).filter((name) => typeof name === 'string'));
  return [...wanted].filter((name) => !names.includes(name)).sort();
}

/** An index that cannot be read is left to the server: it reads the weights without one. */
function weightMap(path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(smallFile(path, INDEX_NAME, JSON_BYTES_MAX)?.toString() ?? '');
    return isObject(value) && isObject(value.weight_map) ? value.weight_map : {};
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof Fault) return {};
    throw cause;
  }
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
