/** Which folders hold an MLX model, and which of their files are its weights. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { namesIn, openRegular, statOrNull } from '#src/models/file-look.ts';

/** The file that makes a folder a model's. */
export const CONFIG_NAME = 'config.json';
/** Says which weights lie in which of several files. */
export const INDEX_NAME = 'model.safetensors.index.json';

/** All files of the weights together, and when the newest file that decides what the model is was changed. */
export type FolderState = { readonly weightsBytes: number; readonly modifiedMs: number };

const SAFETENSORS = /\.safetensors$/i;
/** What the servers read first; only where nothing is called so, they take whatever is there. */
const USUAL_WEIGHTS = /^model.*\.safetensors$/;
/** Weights in another program's order, and parts that belong to a model rather than being one. */
const OTHER_WEIGHTS = /^(?:consolidated|adapters?|lora|optimizer|training)(?:[-_.]|$)/i;
const SHARD = /^(.*)-(\d{5})-of-(\d{5})\.safetensors$/;
const WEIGHT_FILES_MAX = 1_000;
/** Besides the weights, what decides how a model is read: when one of them changes, the folder is read anew. */
const DECIDING = [
  CONFIG_NAME,
  INDEX_NAME,
  'tokenizer_config.json',
  'chat_template.jinja',
  'chat_template.json',
  'additional_chat_templates',
];

/** Whether a folder holds a model that MLX servers read: a configuration and weights. Cheap; opens nothing. */
export function isMlxFolder(path: string): boolean {
  return hasMlxNames(namesIn(path)) && statOrNull(join(path, CONFIG_NAME))?.isFile() === true;
}

/** The same by the names in a folder, for those who have listed it already. */
export function hasMlxNames(names: readonly string[]): boolean {
  return names.includes(CONFIG_NAME) && weightNames(names).length > 0;
}

/** The names of the weights among those of a folder, sorted; at most 1,000. */
export function weightNames(names: readonly string[]): readonly string[] {
  const usual = names.filter((name) => USUAL_WEIGHTS.test(name));
  const taken = usual.length > 0 ? usual : names.filter((name) => SAFETENSORS.test(name) && !OTHER_WEIGHTS.test(name));
  return taken
    .filter((name) => !name.startsWith('.'))
    .sort()
    .slice(0, WEIGHT_FILES_MAX);
}

/** The names that a model's weights must have beside those that are there, as their numbers say. */
export function missingShards(names: readonly string[]): readonly string[] {
  const there = new Set(names);
  const missing = new Set<string>();
  const checked = new Set<string>();
  for (const name of names) {
    const [, stem, , total] = SHARD.exec(name) ?? [];
    const series = `${stem}-of-${total}`;
    if (checked.has(series)) continue;
    checked.add(series);
    const count = Math.min(Number(total ?? 0), WEIGHT_FILES_MAX);
    for (let number = 1; number <= count; number++) {
      const shard = `${stem}-${String(number).padStart(5, '0')}-of-${total}.safetensors`;
      if (!there.has(shard)) missing.add(shard);
    }
    // The others of its series would only say the same again.
    if (missing.size > 0) break;
  }
  return [...missing];
}

/** How a folder is now; null when it has no configuration or no weights, or cannot be reached. Never throws. */
export function folderState(path: string): FolderState | null {
  const names = namesIn(path);
  if (!names.includes(CONFIG_NAME)) return null;
  let weightsBytes = 0;
  let modifiedMs = 0;
  const weights = weightNames(names);
  for (const name of weights) {
    const stat = statOrNull(join(path, name));
    if (!stat?.isFile()) return null;
    weightsBytes += stat.size;
    modifiedMs = Math.max(modifiedMs, stat.mtimeMs);
  }
  for (const name of DECIDING) {
    if (names.includes(name)) modifiedMs = Math.max(modifiedMs, statOrNull(join(path, name))?.mtimeMs ?? 0);
  }
  return weights.length === 0 ? null : { weightsBytes, modifiedMs: Math.floor(modifiedMs) };
}

/** A small file of the folder as bytes; null when there is none. Throws Fault('unprocessable') when it is too large. */
export function smallFile(folder: string, name: string, bytesMax: number): Buffer | null {
  const path = join(folder, name);
  if (statOrNull(path) === null) return null;
  const descriptor = openRegular(path);
  try {
    const { size } = fstatSync(descriptor);
    if (size > bytesMax) throw new Fault('unprocessable', `${basename(path)} is larger than any real one.`);
    return bytesOf(descriptor, 0, size);
  } finally {
    closeSync(descriptor);
  }
}

/** Reads a piece of an open file; what the file has lost meanwhile is missing at the end. */
export function bytesOf(descriptor: number, fromByte: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const got = readSync(descriptor, bytes, filled, length - filled, fromByte + filled);
    if (got === 0) break;
    filled += got;
  }
  return bytes.subarray(0, filled);
}
