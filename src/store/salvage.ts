/** Takes models and users' presets out of a broken database: the only rows in it that nobody can measure again. */
import type { Database } from 'bun:sqlite';
import { isAbsolute } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { getTableColumns, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { isObject } from '#src/json.ts';
import { Behaviour } from '#src/models/behaviour.ts';
import { EMPTY_CONFIG, type EngineKind, LaunchOverrides, ModelConfig } from '#src/models/model.ts';
import { openAsItIs } from './as-it-is.ts';
import type { Store } from './open.ts';
import { facts, models, presets } from './schema.ts';

/** How many of each were taken over. */
export type Salvaged = { readonly models: number; readonly presets: number };

const ROWS_MAX = 10_000;
const ENGINES: readonly EngineKind[] = ['llama.cpp', 'mlx-lm', 'mlx-openai-server', 'mlx-vlm', 'openai'];
const FORMATS: readonly unknown[] = ['gguf', 'mlx'];

/**
 * Copies what can be read of the models, the presets and the single facts from the broken file into a new store. Never
 * throws: damage anywhere else does not matter, and damage among them costs what it covers.
 */
export function salvage(brokenPath: string, into: Store): Salvaged {
  let broken: Database | null = null;
  try {
    broken = openAsItIs(brokenPath);
    const from = drizzle(broken);
    const columns = columnsIn(broken);
    const ofModels = rowsOrNone(() => from.select(columns).from(models).limit(ROWS_MAX).all()).filter(isWhole);
    // A database of an earlier Flow has no such table.
    const ofPresets = rowsOrNone(() => from.select().from(presets).limit(ROWS_MAX).all()).filter(isWholePreset);
    const ofFacts = rowsOrNone(() => from.select().from(facts).limit(ROWS_MAX).all());
    for (const row of ofFacts) isTaken(() => into.insert(facts).values(row).run());
    return {
      models: ofModels.filter((row) => isTaken(() => into.insert(models).values(row).run())).length,
      presets: ofPresets.filter((row) => isTaken(() => into.insert(presets).values(row).run())).length,
    };
  } catch {
    // Not a database at all: then a scan of the folder must do.
    return { models: 0, presets: 0 };
  } finally {
    broken?.close(false);
  }
}

/** An earlier Flow's models had no endpoint. */
function columnsIn(broken: Database) {
  const columns = getTableColumns(models);
  const names = rowsOrNone(() => broken.query<{ name: string }, []>('PRAGMA table_info(models)').all());
  const hasEndpoint = names.some(({ name }) => name === 'endpoint');
  return hasEndpoint ? columns : { ...columns, endpoint: sql<null>`NULL` };
}

function rowsOrNone<Row>(read: () => Row[]): Row[] {
  try {
    return read();
  } catch {
    return [];
  }
}

/** Whether the row is one that Flow could have written; what is read from damaged pages may be anything. */
function isWhole(row: typeof models.$inferSelect): boolean {
  const texts: readonly unknown[] = [row.id, row.name];
  const numbers: readonly unknown[] = [row.sizeBytes, row.createdAtMs, row.updatedAtMs];
  return (
    texts.every((text) => typeof text === 'string' && text !== '') &&
    numbers.every((number) => Number.isSafeInteger(number)) &&
    isPlaced(row.path, row.endpoint) &&
    FORMATS.includes(row.format) &&
    isObject(row.capabilities) &&
    Array.isArray(row.aliases) &&
    row.aliases.every((alias: unknown) => typeof alias === 'string') &&
    isObject(row.config) &&
    Value.Check(ModelConfig, { ...EMPTY_CONFIG, ...row.config })
  );
}

/** A model has files here, or is served somewhere. */
function isPlaced(path: unknown, endpoint: unknown): boolean {
  if (endpoint === null) return typeof path === 'string' && isAbsolute(path);
  return (
    isObject(endpoint) &&
    typeof path === 'string' &&
    typeof endpoint.modelName === 'string' &&
    typeof endpoint.baseUrl === 'string' &&
    /^https?:\/\/[^/]+$/.test(endpoint.baseUrl) &&
    ENGINES.some((kind) => kind === endpoint.engine)
  );
}

function isWholePreset(row: typeof presets.$inferSelect): boolean {
  const texts: readonly unknown[] = [row.id, row.name];
  return (
    texts.every((text) => typeof text === 'string' && text !== '') &&
    Number.isSafeInteger(row.createdAtMs) &&
    Value.Check(Behaviour, row.behaviour) &&
    Value.Check(LaunchOverrides, row.launch)
  );
}

function isTaken(insert: () => void): boolean {
  try {
    insert();
    return true;
  } catch {
    return false;
  }
}
