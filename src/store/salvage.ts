/** Takes the list of models out of a broken database: the only rows in it that nobody can measure again. */
import type { Database } from 'bun:sqlite';
import { isAbsolute } from 'node:path';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { isObject } from '#src/json.ts';
import { openAsItIs } from './as-it-is.ts';
import type { Store } from './open.ts';
import { facts, models } from './schema.ts';

const MODELS_MAX = 10_000;

/**
 * Copies what can be read of the models, and the facts about them, from the broken file into a new store; says how many
 * models. Never throws: damage anywhere else does not matter, and damage among them costs what it covers.
 */
export function salvageModels(brokenPath: string, into: Store): number {
  let broken: Database | null = null;
  try {
    broken = openAsItIs(brokenPath);
    const from = drizzle(broken);
    const rows = from.select().from(models).limit(MODELS_MAX).all().filter(isWhole);
    const count = rows.filter((row) => isTaken(() => into.insert(models).values(row).run())).length;
    isTaken(() => into.insert(facts).values(from.select().from(facts).limit(MODELS_MAX).all()).run());
    return count;
  } catch {
    // Not a database at all, or the damage is just there: then a scan of the folder must do.
    return 0;
  } finally {
    broken?.close(false);
  }
}

/** Whether the row is one that Flow could have written; what is read from damaged pages may be anything. */
function isWhole(row: typeof models.$inferSelect): boolean {
  const texts: readonly unknown[] = [row.id, row.name, row.path];
  const numbers: readonly unknown[] = [row.sizeBytes, row.createdAtMs, row.updatedAtMs];
  return (
    texts.every((text) => typeof text === 'string' && text !== '') &&
    numbers.every((number) => Number.isSafeInteger(number)) &&
    isAbsolute(row.path) &&
    row.format === 'gguf' &&
    isObject(row.capabilities) &&
    Array.isArray(row.aliases) &&
    row.aliases.every((alias: unknown) => typeof alias === 'string') &&
    isObject(row.config) &&
    isObject(row.config.launch)
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
