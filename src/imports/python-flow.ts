/** Reads what the Python Flow left behind: its database, its presets, its settings. Changes none of them. */
import type { Database } from 'bun:sqlite';
import { readdirSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { smallFileOrNull } from '#src/discovery/small-file.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, objectOrNull, stringOrNull } from '#src/json.ts';
import { openAsItIs } from '#src/store/as-it-is.ts';
import { type ImportPlan, mergeSameFiles, type NotTaken, type PlannedModel, plannedModel } from './plan.ts';

const JSON_BYTES_MAX = 4 << 20;
const ROWS_MAX = 10_000;
/** Settings that mean the same here. Its `port` never took effect there, so it is not one of them. */
const SETTINGS = [
  'models_dir',
  'default_ctx_size',
  'default_n_parallel',
  'default_flash_attn',
  'default_cache_type_k',
  'default_cache_type_v',
  'default_gpu_layers',
  'auto_update_backends',
  'jit_enabled',
  'jit_cooldown_enabled',
  'jit_cooldown_seconds',
];

/**
 * The database of a folder, or at a path: where this Flow has set one aside to make its own in the same place, that.
 * Null when there is none that the Python Flow made.
 */
export function pythonDatabase(path: string): string | null {
  if (isFile(path)) return isPythons(path) ? path : null;
  const names = namesOf(path).filter((name) => /^flow\.db(?:\.bad-\d+)?$/.test(name));
  // The one in place first, then the last that was set aside.
  const candidates = names.toSorted().toReversed();
  const inPlace = candidates.filter((name) => name === 'flow.db');
  return [...new Set([...inPlace, ...candidates])].map((name) => join(path, name)).find(isPythons) ?? null;
}

/**
 * The plan for a folder or a database. With `isOwnFolder` the settings are this Flow's file already. Throws
 * Fault('not-found') when the Python Flow was not there.
 */
export function readPythonFlow(path: string, isOwnFolder: boolean): ImportPlan {
  const database = pythonDatabase(path);
  const folder = isFile(path) ? dirname(path) : path;
  if (database === null) throw new Fault('not-found', `The Python Flow left no database in ${folder}.`);
  const notTaken: NotTaken[] = [];
  const models = readModels(database, notTaken);
  const settings = isOwnFolder ? {} : readSettings(join(folder, 'settings.json'), notTaken);
  if (isOwnFolder) notTaken.push({ what: 'settings', why: 'Both Flows have the same file, so they are in effect.' });
  const presets = readPresets(join(folder, 'presets.json'), notTaken);
  return mergeSameFiles({ models, settings, presets, notTaken });
}

function readModels(path: string, notTaken: NotTaken[]): PlannedModel[] {
  const database = openAsItIs(path);
  try {
    const rows = database.query<JsonObject, []>(`SELECT * FROM models LIMIT ${ROWS_MAX}`).all();
    if (countOf(database, 'telemetry') > 0) {
      notTaken.push({ what: 'telemetry', why: 'Records of requests stay in the old database.' });
    }
    return rows.flatMap((row) => modelOf(row, notTaken));
  } catch (cause) {
    throw new Fault('unprocessable', 'Its database cannot be read.', { cause });
  } finally {
    database.close();
  }
}

function modelOf(row: JsonObject, notTaken: NotTaken[]): PlannedModel[] {
  const id = stringOrNull(row.id);
  const path = stringOrNull(row.gguf_file) || stringOrNull(row.mlx_path);
  if (id === null) return [];
  if (path === null || !isAbsolute(path)) {
    notTaken.push({ what: id, why: 'It was a server that ran elsewhere, not a file.' });
    return [];
  }
  const name = stringOrNull(row.name);
  const aliases = name !== null && name !== '' && name !== id ? [name] : [];
  return [plannedModel(id, path, { hfId: stringOrNull(row.hf_id), aliases })];
}

function readSettings(path: string, notTaken: NotTaken[]): JsonObject {
  const held = jsonAt(path);
  if (held === null) return {};
  if (Object.hasOwn(held, 'port')) notTaken.push({ what: 'port', why: 'It never took effect there.' });
  return Object.fromEntries(SETTINGS.filter((name) => Object.hasOwn(held, name)).map((name) => [name, held[name]]));
}

function readPresets(path: string, notTaken: NotTaken[]): ImportPlan['presets'] {
  const held = jsonAt(path);
  if (held === null) {
    if (isFile(path)) notTaken.push({ what: 'presets', why: 'presets.json cannot be read.' });
    return [];
  }
  const list = Array.isArray(held.user_presets) ? held.user_presets.filter(isObject) : [];
  return list.flatMap((preset) => {
    const name = stringOrNull(preset.name);
    return name === null ? [] : [{ name, behaviour: preset.config ?? {}, launch: preset.load_params ?? {} }];
  });
}

function jsonAt(path: string): JsonObject | null {
  return objectOrNull(smallFileOrNull(path, JSON_BYTES_MAX) ?? '');
}

/** Whether the tables are those that the Python Flow made: this one's models have no such columns. */
function isPythons(path: string): boolean {
  if (!isFile(path)) return false;
  let database: Database | null = null;
  try {
    database = openAsItIs(path);
    const columns = database.query<{ name: string }, []>('PRAGMA table_info(models)').all();
    const names = new Set(columns.map(({ name }) => name));
    return names.has('gguf_file') && names.has('backend') && !names.has('is_managed');
  } catch {
    return false;
  } finally {
    database?.close();
  }
}

function countOf(database: Database, table: 'telemetry'): number {
  try {
    return database.query<{ count: number }, []>(`SELECT count(*) AS count FROM ${table}`).get()?.count ?? 0;
  } catch {
    return 0;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
