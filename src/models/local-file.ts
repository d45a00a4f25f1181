/** Looks at what somebody wants registered: a GGUF file with its shards and its projector, or an MLX folder. */
import { basename, dirname, isAbsolute, join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { quantizationInName } from '#src/gguf/tensor-types.ts';
import { isMlxFolder, weightNames } from '#src/mlx/folder.ts';
import type { ModelFacts } from './facts.ts';
import { namesIn, statOrNull } from './file-look.ts';
import { type HeaderCache, stampOf } from './header-cache.ts';
import type { Capabilities, ModelFormat } from './model.ts';

/** What a registration needs to know of a model's files. */
export type LocalModel = {
  readonly format: ModelFormat;
  /** The file, or the first of its shards; for MLX the folder. */
  readonly path: string;
  readonly files: readonly string[];
  readonly sizeBytes: number;
  /** File name without `.gguf` and shard number; name of the folder, or of the repository that it is a copy of. */
  readonly stem: string;
  readonly quantization: string | null;
  readonly trainedContextTokens: number | null;
  readonly capabilities: Capabilities;
  readonly projectorPath: string | null;
};

const SHARD = /-(\d{5})-of-(\d{5})\.gguf$/i;
const SHARDS_MAX = 1_000;
const PATH_LENGTH_MAX = 4_096;
const ROLE_WORDS: Readonly<Record<Exclude<ModelFacts['role'], 'model'>, string>> = {
  projector: 'a vision projector, not a model; it is used by itself when it lies beside its model',
  adapter: 'an adapter, not a model of its own',
  other: 'not a model that can answer',
};

/**
 * Looks at the file or folder. Throws Fault('not-found'), or Fault('unprocessable') with a sentence about what it is
 * instead; Fault('invalid-request') for a path that is none.
 */
export function inspectLocal(path: string, headers: HeaderCache): LocalModel {
  if (!isAbsolute(path) || path.length > PATH_LENGTH_MAX || path.includes('\0')) {
    throw new Fault('invalid-request', 'The path must be absolute, as in /home/me/models/model.gguf.');
  }
  const isFolder = statOrNull(path)?.isDirectory() === true;
  // Whoever names a file of an MLX model means the model.
  const folder = isFolder ? path : isMlxFile(path) ? dirname(path) : null;
  if (folder !== null) return inspectFolder(folder, headers);
  const files = shardsOf(path);
  const [first = path] = files;
  const facts = headers.factsOf(first);
  if (facts.role !== 'model') throw new Fault('unprocessable', `${basename(path)} is ${ROLE_WORDS[facts.role]}.`);
  if (facts.tensors.count === 0 && facts.splitCount <= 1) {
    throw new Fault('unprocessable', `${basename(path)} holds no weights.`);
  }
  if (facts.splitCount !== files.length) {
    throw new Fault(
      'unprocessable',
      `${basename(path)} is one of ${facts.splitCount} parts whose names do not say so.`,
      {
        hint: 'Give the parts the names they were published with.',
      },
    );
  }
  const projectorPath = projectorFor(first, headers);
  return {
    format: 'gguf',
    path: first,
    files,
    sizeBytes: files.reduce((total, file) => total + (statOrNull(file)?.size ?? 0), 0),
    stem: stemOf(first),
    quantization: facts.quantization,
    trainedContextTokens: facts.contextTokens,
    capabilities: { ...facts.capabilities, vision: projectorPath !== null },
    projectorPath,
  };
}

/** All parts of a model that is split into several files, in order; the file itself when it is whole. */
export function shardsOf(path: string): string[] {
  const [, , total] = SHARD.exec(path) ?? [];
  if (total === undefined) return [path];
  const count = Number(total);
  if (count < 1 || count > SHARDS_MAX) throw new Fault('unprocessable', `${basename(path)} claims ${count} parts.`);
  const names = Array.from({ length: count }, (_, index) =>
    path.replace(SHARD, `-${String(index + 1).padStart(5, '0')}-of-${total}.gguf`),
  );
  const missing = names.filter((name) => !statOrNull(name)?.isFile());
  if (missing.length === 0) return names;
  throw new Fault('unprocessable', `${missing.length} of the ${count} parts of this model are missing.`, {
    hint: `The first one missing is ${basename(missing[0] ?? '')}.`,
  });
}

/** The same, or the file alone when parts are missing: such a model can still be deleted. Never throws. */
export function partsOf(path: string): string[] {
  try {
    return shardsOf(path);
  } catch {
    return [path];
  }
}

/** Whether a file name is that of a part other than the first: such files are never models of their own. */
export function isLaterShard(fileName: string): boolean {
  const [, number] = SHARD.exec(fileName) ?? [];
  return number !== undefined && Number(number) !== 1;
}

/** Whether a file name is that of a vision projector. */
export function isProjectorName(fileName: string): boolean {
  return /mmproj/i.test(fileName);
}

function stemOf(path: string): string {
  return basename(path)
    .replace(SHARD, '.gguf')
    .replace(/\.gguf$/i, '');
}

/** The projector beside a model: named after it, or alone with it. A wrong one would keep the model from loading. */
function projectorFor(path: string, headers: HeaderCache): string | null {
  const folder = dirname(path);
  const names = namesIn(folder).filter((name) => /\.gguf$/i.test(name));
  // A scan asks for each model: where none is a projector, a folder of thousands would be gone through by each of them.
  if (!names.some(isProjectorName)) return null;
  const own = familyOf(stemOf(path));
  const families = new Set(names.filter((name) => !isProjectorName(name)).map((name) => familyOf(stemOf(name))));
  const candidates = names.filter(isProjectorName).filter((name) => {
    const family = familyOf(stemOf(name).replace(/mmproj/i, ''));
    return family === own || (family === '' && families.size === 1) || (families.size === 1 && own.startsWith(family));
  });
  const found = candidates
    .sort()
    .map((name) => join(folder, name))
    .find((candidate) => isProjector(candidate, headers));
  return found ?? null;
}

function isProjector(path: string, headers: HeaderCache): boolean {
  try {
    return headers.factsOf(path).role === 'projector';
  } catch {
    return false;
  }
}

/** A name without its quantisation: what all variants of one model share. */
function familyOf(stem: string): string {
  const quantization = quantizationInName(stem)?.replace(/^F(16|32)$/, 'F?P?$1');
  const bare = quantization === undefined ? stem : stem.replace(new RegExp(quantization, 'i'), '');
  return bare
    .toLowerCase()
    .replace(/[-_.]+/g, '-')
    .replace(/^-|-$/g, '');
}

function isMlxFile(path: string): boolean {
  return /(?:^config\.json|\.safetensors)$/.test(basename(path)) && isMlxFolder(dirname(path));
}

function inspectFolder(path: string, headers: HeaderCache): LocalModel {
  const folder = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (!isMlxFolder(folder)) {
    throw new Fault('unprocessable', `${basename(folder)} is a folder, and no MLX model lies in it.`, {
      hint: 'Name the .gguf file in it, or the folder that has config.json and the .safetensors files.',
    });
  }
  const facts = headers.factsOf(folder);
  if (facts.role !== 'model') throw new Fault('unprocessable', `${basename(folder)} is ${ROLE_WORDS[facts.role]}.`);
  if (facts.tensors.count === 0) throw new Fault('unprocessable', `${basename(folder)} holds no weights.`);
  return {
    format: 'mlx',
    path: folder,
    files: weightNames(namesIn(folder)).map((name) => join(folder, name)),
    sizeBytes: stampOf(folder)?.sizeBytes ?? facts.tensors.bytes,
    stem: folderName(folder),
    quantization: facts.quantization,
    trainedContextTokens: facts.contextTokens,
    capabilities: { ...facts.capabilities, vision: facts.hasVision },
    projectorPath: null,
  };
}

/** In the Hugging Face cache a folder is called by its revision, and two above it stands what it is a copy of. */
function folderName(folder: string): string {
  const [, repository] = /\/models--([^/]+)\/snapshots\/[^/]+$/.exec(folder) ?? [];
  return repository === undefined ? basename(folder) : (repository.split('--').at(-1) ?? basename(folder));
}
