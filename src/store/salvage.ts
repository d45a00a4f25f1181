/** Takes models, presets, keys and conversations out of a broken database: what nobody can measure again. */
import type { Database } from 'bun:sqlite';
import { isAbsolute } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { isObject } from '#src/json.ts';
import { Behaviour } from '#src/models/behaviour.ts';
import { EMPTY_CONFIG, type EngineKind, LaunchOverrides, ModelConfig } from '#src/models/model.ts';
import { openAsItIs } from './as-it-is.ts';
import type { Store } from './open.ts';
import { reachable, rowOrNull } from './reachable-rows.ts';
import { salvageChats } from './salvage-chats.ts';
import { apiKeys, facts, models, presets } from './schema.ts';

/** How many of each were taken over. */
export type Salvaged = { readonly models: number; readonly presets: number; readonly conversations: number };

type SalvagedTable = 'models' | 'presets' | 'facts' | 'api_keys';

const ROWS_MAX = 10_000;
const ENGINES: readonly EngineKind[] = ['llama.cpp', 'mlx-lm', 'mlx-openai-server', 'mlx-vlm', 'openai'];
const FORMATS: readonly unknown[] = ['gguf', 'mlx'];

/**
 * Copies what can be read of models, presets, keys, conversations and single facts from the broken file into a new
 * store. Never throws: damage anywhere else does not matter, and damage among them costs what it covers.
 */
export function salvage(brokenPath: string, into: Store): Salvaged {
  const broken = rowOrNull(() => openAsItIs(brokenPath));
  // Not a database at all: then a scan of the folder must do.
  if (broken === null) return { models: 0, presets: 0, conversations: 0 };
  try {
    const from = drizzle(broken);
    const columns = columnsIn(broken);
    const rowsOf = <Row>(table: SalvagedTable, read: (at: SQL) => Row | undefined): Row[] =>
      reachable(broken, table, ROWS_MAX).flatMap((id) => rowOrNull(() => read(sql`rowid = ${id}`)) ?? []);
    const ofModels = rowsOf('models', (at) => from.select(columns).from(models).where(at).get()).filter(isWhole);
    const ofPresets = rowsOf('presets', (at) => from.select().from(presets).where(at).get()).filter(isWholePreset);
    const ofFacts = rowsOf('facts', (at) => from.select().from(facts).where(at).get());
    const ofKeys = rowsOf('api_keys', (at) => from.select().from(apiKeys).where(at).get()).filter(isWholeKey);
    for (const row of ofFacts) isTaken(() => into.insert(facts).values(row).run());
    for (const row of ofKeys) isTaken(() => into.insert(apiKeys).values(row).run());
    return {
      models: ofModels.filter((row) => isTaken(() => into.insert(models).values(row).run())).length,
      presets: ofPresets.filter((row) => isTaken(() => into.insert(presets).values(row).run())).length,
      conversations: rowOrNull(() => salvageChats(broken, into)) ?? 0,
    };
  } finally {
    broken.close(false);
  }
}

/** An earlier Flow's models had no endpoint. */
function columnsIn(broken: Database) {
  const columns = getTableColumns(models);
  const names = rowOrNull(() => broken.query<{ name: string }, []>('PRAGMA table_info(models)').all()) ?? [];
  const hasEndpoint = names.some(({ name }) => name === 'endpoint');
  return hasEndpoint ? columns : { ...columns, endpoint: sql<null>`NULL` };
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
    /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/.test(endpoint.baseUrl) &&
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

/** A key whose rules are damaged might open more than it did. */
function isWholeKey(row: typeof apiKeys.$inferSelect): boolean {
  const texts: readonly unknown[] = [row.id, row.name, row.digest, row.sessionDigest];
  const numbers: readonly unknown[] = [row.requestsPerMinute, row.tokensPerDay, row.expiresAtMs];
  const areTexts = (list: unknown): boolean => Array.isArray(list) && list.every((one) => typeof one === 'string');
  return (
    texts.every((text) => typeof text === 'string' && text !== '') &&
    numbers.every((number) => number === null || Number.isSafeInteger(number)) &&
    areTexts(row.scopes) &&
    (row.models === null || areTexts(row.models))
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
