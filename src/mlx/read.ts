/** Reads the facts of an MLX folder: bounded, without running anything, and without reading a single weight. */
import { closeSync, fstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { namesIn, openRegular, statOrNull } from '#src/models/file-look.ts';
import { mlxFacts } from './facts.ts';
import { bytesOf, CONFIG_NAME, INDEX_NAME, missingShards, smallFile, weightNames } from './folder.ts';
import { JsonWalk } from './json-walk.ts';
import { EMPTY_TALLY, readSafetensors, type Tally, together } from './safetensors.ts';
import { folderTemplates } from './templates.ts';

/** Real ones have some kilobytes; with a word for each of many layers, some ten. */
export const CONFIG_BYTES_MAX = 1 << 20;
/** One line for each tensor. */
const INDEX_BYTES_MAX = 32 << 20;
const FIRST_BYTES = 64 << 10;
/** All headers of a model together; those of the largest models have some 12 MB. */
const HEADERS_BYTES_MAX = 64 << 20;
const WEIGHT_FILES_MAX = 1_000;

/**
 * Reads a folder's facts. Throws only Fault('not-found') or Fault('unprocessable'), with a sentence that repeats
 * nothing of the files' content. Follows symbolic links, as model caches use them; refuses all but regular files.
 */
export function readMlx(folder: string): ModelFacts {
  try {
    const names = namesIn(folder);
    const config = readConfig(folder);
    const weights = wholeWeights(folder, names);
    const tally = tallyOfAll(weights.map((name) => join(folder, name)));
    return mlxFacts({ config, tally, templates: folderTemplates(folder), names });
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('unprocessable', `${basename(folder)} cannot be read.`, { cause });
  }
}

/** The configuration of a model, from the bytes of its `config.json`. Throws Fault('unprocessable'). */
export function configIn(bytes: Buffer): JsonObject {
  const walk = new JsonWalk(bytes, CONFIG_NAME);
  const value = walk.value(CONFIG_BYTES_MAX);
  walk.end();
  if (isObject(value)) return value;
  throw new Fault('unprocessable', `${CONFIG_NAME} is not the JSON that it should be.`);
}

/** The files that an index names, sorted. Throws Fault('unprocessable'). */
export function filesInIndex(bytes: Buffer): readonly string[] {
  const files = new Set<string>();
  const walk = new JsonWalk(bytes, INDEX_NAME);
  walk.object((key) => {
    if (key !== 'weight_map') return walk.skip();
    walk.object(() => {
      files.add(walk.text());
      if (files.size > WEIGHT_FILES_MAX) throw new Fault('unprocessable', `${INDEX_NAME} names too many files.`);
    });
  });
  return [...files].sort();
}

function readConfig(folder: string): JsonObject {
  const bytes = smallFile(folder, CONFIG_NAME, CONFIG_BYTES_MAX);
  if (bytes !== null) return configIn(bytes);
  if (statOrNull(folder) === null)
    throw new Fault('not-found', `There is no folder ${basename(folder)} in that place.`);
  throw new Fault('unprocessable', `${basename(folder)} has no ${CONFIG_NAME}, so it is no MLX model.`);
}

/** The weights' names, when all are there that their numbers and the index promise. */
function wholeWeights(folder: string, names: readonly string[]): readonly string[] {
  const weights = weightNames(names);
  const index = names.includes(INDEX_NAME) ? smallFile(folder, INDEX_NAME, INDEX_BYTES_MAX) : null;
  const promised = index === null ? [] : filesInIndex(index).filter((name) => !name.includes('/'));
  // An index of other weights than those that are there was left behind by a conversion.
  const counts = promised.some((name) => weights.includes(name));
  const missing = new Set([
    ...missingShards(weights),
    ...(counts ? promised.filter((name) => !names.includes(name)) : []),
  ]);
  if (weights.length === 0) throw new Fault('unprocessable', `${basename(folder)} holds no weights.`);
  if (missing.size === 0) return weights;
  throw new Fault(
    'unprocessable',
    `${missing.size} of the ${missing.size + weights.length} parts of this model are missing.`,
    { hint: 'Copy or download the whole folder again.' },
  );
}

/** A thousand links to one large header cost nothing on the disk, and minutes to read. */
function tallyOfAll(paths: readonly string[]): Tally {
  let sum = EMPTY_TALLY;
  let headerBytes = 0;
  for (const path of paths) {
    const { tally, readBytes } = tallyOf(path);
    headerBytes += readBytes;
    if (headerBytes > HEADERS_BYTES_MAX) {
      throw new Fault('unprocessable', 'The headers of the weights are larger than any real ones.');
    }
    sum = together(sum, tally);
  }
  return sum;
}

function tallyOf(path: string): { readonly tally: Tally; readonly readBytes: number } {
  const descriptor = openRegular(path);
  try {
    const { size } = fstatSync(descriptor);
    for (let wanted = Math.min(FIRST_BYTES, size); ; ) {
      const prefix = bytesOf(descriptor, 0, wanted);
      if (prefix.length < wanted) throw new Fault('unprocessable', 'The file became shorter while it was read.');
      const step = readSafetensors(prefix, size);
      if (step.kind === 'header') return { tally: step.tally, readBytes: wanted };
      wanted = step.bytes;
    }
  } finally {
    closeSync(descriptor);
  }
}
