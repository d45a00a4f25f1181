/** The MLX model that a repository is: which of its files servers read, and how its weights are kept. Pure. */
import { CONFIG_NAME, hasMlxNames, missingShards, weightNames } from '#src/mlx/folder.ts';
import type { HubFile } from './hub.ts';
import { isFilePath } from './names.ts';

/** One model, in its repository's root. */
export type MlxGroup = {
  /** All that is fetched, the small ones first: what is wrong with a repository shows before its gigabytes come. */
  readonly files: readonly HubFile[];
  readonly sizeBytes: number;
  readonly weights: readonly HubFile[];
  readonly weightsBytes: number;
  /** By the repository's name; null when it does not say. */
  readonly quantization: string | null;
  readonly isComplete: boolean;
};

// What the servers themselves read of a repository, but for Python files: those are somebody's code.
const WANTED = /\.(?:json|jsonl|safetensors|jinja|txt|model|tiktoken)$/i;
/** All weights once more, for another program. */
const TWICE = /^consolidated[-.]/i;
const IN_NAME = /(?:^|[-_.])(?:(\d)[-_]?bit|(bf16|fp16|mxfp[48]|nvfp4|fp8))(?:[-_.]|$)/i;

/** The model; null when the files are none: no configuration in the root, or no weights beside it. */
export function mlxGroup(repository: string, files: readonly HubFile[]): MlxGroup | null {
  const root = files.filter(({ path }) => !path.includes('/') && !path.startsWith('.') && isFilePath(path));
  const names = root.map(({ path }) => path);
  if (!hasMlxNames(names)) return null;
  const taken = new Set(weightNames(names));
  const wanted = root
    .filter(({ path }) => WANTED.test(path) && !TWICE.test(path))
    .sort((a, b) => a.sizeBytes - b.sizeBytes);
  const weights = root.filter(({ path }) => taken.has(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    files: wanted,
    sizeBytes: sizeOf(wanted),
    weights,
    weightsBytes: sizeOf(weights),
    quantization: mlxQuantizationIn(repository),
    isComplete: names.includes(CONFIG_NAME) && missingShards([...taken]).length === 0,
  };
}

/** How weights are kept, by a name such as `Qwen3-4B-4bit`; null when it does not say. */
export function mlxQuantizationIn(name: string): string | null {
  const [, bits, format] = IN_NAME.exec(name) ?? [];
  return bits === undefined ? (format?.toLowerCase() ?? null) : `${bits}-bit`;
}

function sizeOf(files: readonly HubFile[]): number {
  return files.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}
