/** Which GGUF files of a repository belong together, and what each is for, by their names. Pure. */
import { quantizationInName } from '#src/gguf/tensor-types.ts';
import type { HubFile } from './hub.ts';
import { isFilePath } from './names.ts';

/** A model as one file or as all its shards, or a file that goes with one. */
export type GgufGroup = {
  /** `other` = GGUF that is no model, such as an importance matrix. */
  readonly role: 'model' | 'projector' | 'other';
  /** By the name of file or folder; null when they do not say. */
  readonly quantization: string | null;
  /** The first shard first. */
  readonly files: readonly HubFile[];
  readonly sizeBytes: number;
  /** Whether all shards are there. */
  readonly isComplete: boolean;
  /** Path without shard number and quantisation: what the variants of one model have in common. */
  readonly family: string;
};

const SHARD = /-(\d{5})-of-(\d{5})\.gguf$/i;
const PROJECTOR = /(?:^|[-_.])mmproj(?:[-_.]|$)/i;
const NO_MODEL = /imatrix/i;

/** All groups of files with sound names, models first, each role from the best quality to the smallest. */
export function ggufGroups(files: readonly HubFile[]): readonly GgufGroup[] {
  const byName = new Map<string, HubFile[]>();
  for (const file of files) {
    if (!/\.gguf$/i.test(file.path) || !isFilePath(file.path)) continue;
    const count = SHARD.exec(file.path)?.[2] ?? '';
    const key = `${file.path.replace(SHARD, '')}\n${count}`;
    const held = byName.get(key);
    if (held) held.push(file);
    else byName.set(key, [file]);
  }
  return [...byName.values()].map(groupOf).sort(byRoleAndQuality);
}

/** The group that has this file; null when none has. */
export function groupWith(groups: readonly GgufGroup[], path: string): GgufGroup | null {
  return groups.find(({ files }) => files.some((file) => file.path === path)) ?? null;
}

/** The projector to take when nobody chose: half precision, as its makers publish it first. */
export function usualProjector(groups: readonly GgufGroup[]): GgufGroup | null {
  const projectors = groups.filter(({ role }) => role === 'projector');
  return (
    ['F16', 'BF16'].flatMap((name) => projectors.find(({ quantization }) => quantization === name) ?? [])[0] ??
    projectors[0] ??
    null
  );
}

function groupOf(files: readonly HubFile[]): GgufGroup {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const path = sorted[0]?.path ?? '';
  const stem = path.replace(SHARD, '').replace(/\.gguf$/i, '');
  const parts = stem.split('/');
  const name = parts.at(-1) ?? '';
  const quantization = quantizationInName(name) ?? quantizationInName(parts.at(-2) ?? '');
  const expected = Number(SHARD.exec(path)?.[2] ?? '1');
  const numbers = new Set(sorted.map((file) => Number(SHARD.exec(file.path)?.[1] ?? '1')));
  return {
    role: PROJECTOR.test(name) ? 'projector' : NO_MODEL.test(name) ? 'other' : 'model',
    quantization,
    files: sorted,
    sizeBytes: sorted.reduce((total, { sizeBytes }) => total + sizeBytes, 0),
    isComplete:
      numbers.size === expected && Array.from({ length: expected }, (_, at) => at + 1).every((n) => numbers.has(n)),
    family: quantization === null ? name : name.replaceAll(new RegExp(`[-_.]?${quantization}`, 'gi'), ''),
  };
}

const ROLES = ['model', 'projector', 'other'];

function byRoleAndQuality(a: GgufGroup, b: GgufGroup): number {
  const byRole = ROLES.indexOf(a.role) - ROLES.indexOf(b.role);
  return byRole || qualityOf(b.quantization) - qualityOf(a.quantization) || b.sizeBytes - a.sizeBytes;
}

const FULL: Readonly<Record<string, number>> = { F32: 3_200, BF16: 1_601, F16: 1_600 };
const SUFFIXES: Readonly<Record<string, number>> = {
  K_XXL: 60,
  K_XL: 50,
  K_L: 40,
  K_M: 30,
  K: 25,
  K_S: 20,
  NL: 15,
  M: 14,
  S: 13,
  1: 12,
  0: 10,
  XS: 8,
  XXS: 5,
};

/** Orders names of quantisations: bits first, then what the mixture spends on the layers that matter. */
function qualityOf(quantization: string | null): number {
  if (quantization === null) return 0;
  const bits = /(?:Q|FP)(\d)(?:_(\w+))?$/.exec(quantization);
  return FULL[quantization] ?? Number(bits?.[1] ?? 0) * 100 + (SUFFIXES[bits?.[2] ?? ''] ?? 9);
}
