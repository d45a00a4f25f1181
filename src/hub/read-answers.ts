/** Reads what the hub's library hands on: its types promise what the wire need not keep. Pure. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { HubFile, HubModel, HubRepository } from './hub.ts';
import { isRepositoryId } from './names.ts';

const TAGS_MAX = 200;
const TEXT_LENGTH_MAX = 300;

/** One model of a search. Throws Fault('hub-broken') when it has not even a name. */
export function readModel(value: unknown): HubModel {
  const id = isObject(value) ? stringOrNull(value.name) : null;
  if (!isObject(value) || id === null || id.length > 200) throw unreadable('a model without a name');
  return {
    id,
    author: short(value.author) ?? id.split('/')[0] ?? '',
    downloads: numberOrNull(value.downloads) ?? 0,
    likes: numberOrNull(value.likes) ?? 0,
    tags: texts(value.tags),
    task: short(value.task),
    library: short(value.library_name),
    gated: value.gated === 'auto' || value.gated === 'manual' ? value.gated : value.gated === true ? 'manual' : false,
    isPrivate: value.private === true,
    createdAt: dateOf(value.createdAt),
    updatedAt: dateOf(value.updatedAt),
  };
}

/** A repository with its card's facts. Throws Fault('hub-broken') when its commit is not told. */
export function readRepository(value: unknown): HubRepository {
  const model = readModel(value);
  const commit = isObject(value) ? stringOrNull(value.sha) : null;
  if (commit === null || !/^[0-9a-f]{40,64}$/.test(commit)) throw unreadable('a repository without a commit');
  const card: JsonObject = isObject(value) && isObject(value.cardData) ? value.cardData : {};
  const licence = short(card.license) ?? tagged(model.tags, 'license:')[0] ?? null;
  const link = stringOrNull(card.license_link);
  const based = listed(card.base_model).filter(isRepositoryId);
  const spoken = [...new Set([...listed(card.language), ...tagged(model.tags, 'language:')])];
  return {
    ...model,
    commit,
    licence: licence === 'other' ? (short(card.license_name) ?? licence) : licence,
    licenceUrl: link?.startsWith('https://') && link.length <= 1_000 ? link : null,
    languages: spoken,
    baseModels: based.length > 0 ? based : tagged(model.tags, 'base_model:').filter(isRepositoryId),
  };
}

/** A file of a listing. Throws Fault('hub-broken') for sizes and digests that are none. */
export function readFile(value: unknown): HubFile {
  const path = isObject(value) ? stringOrNull(value.path) : null;
  if (!isObject(value) || path === null) throw unreadable('a file without a name');
  const kept = isObject(value.lfs) ? value.lfs : null;
  const sizeBytes = numberOrNull(kept?.size) ?? numberOrNull(value.size);
  if (sizeBytes === null || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw unreadable('a file without a size');
  if (kept === null) {
    const gitId = stringOrNull(value.oid);
    return { path, sizeBytes, sha256: null, gitId: gitId !== null && /^[0-9a-f]{40}$/.test(gitId) ? gitId : null };
  }
  const sha256 = stringOrNull(kept.oid)?.replace(/^sha256:/, '') ?? '';
  // Digests have been used to name files elsewhere, and to climb out of folders.
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw unreadable('a digest that is none');
  return { path, sizeBytes, sha256, gitId: null };
}

function unreadable(what: string): Fault {
  return new Fault('hub-broken', `The hub's answer holds ${what}.`);
}

function short(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, TEXT_LENGTH_MAX) : null;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.flatMap((item) => short(item) ?? []).slice(0, TAGS_MAX) : [];
}

/** One text, or a list of them. */
function listed(value: unknown): string[] {
  return typeof value === 'string' ? texts([value]) : texts(value);
}

/** What follows a prefix in the tags that have it; what is further divided (`base_model:quantized:…`) is left out. */
function tagged(tags: readonly string[], prefix: string): string[] {
  return tags
    .filter((tag) => tag.startsWith(prefix))
    .map((tag) => tag.slice(prefix.length))
    .filter((rest) => !rest.includes(':'));
}

function dateOf(value: unknown): string | null {
  const date = value instanceof Date ? value : typeof value === 'string' ? new Date(value) : null;
  return date === null || Number.isNaN(date.getTime()) ? null : date.toISOString();
}
