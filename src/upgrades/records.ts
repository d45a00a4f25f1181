/** What must be known of updates after a restart of Flow: what was under way, what came of it, and the way back. */
import { eq } from 'drizzle-orm';
import type { StartedKind } from '#src/engines/engine.ts';
import { type JsonObject, objectOrNull } from '#src/json.ts';
import type { Store } from '#src/store/open.ts';
import { facts } from '#src/store/schema.ts';

/** An update that was begun. */
export type Begun = { readonly kind: string; readonly version: string | null; readonly startedAtMs: number };

const BEGUN = 'engine-update-begun';
const CHECKED = 'engine-update-checked';
const formerKey = (kind: StartedKind): string => `engine-update-former:${kind}`;
const reportKey = (kind: string): string => `engine-update-report:${kind}`;

/** Keeps it in the store. What cannot be written now is only missed after a restart, so writing never throws. */
export class UpgradeRecords {
  readonly #store: Store;
  /** What was written in this run, also when the store would not take it. */
  readonly #values = new Map<string, string>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** The update that a former Flow had begun and not ended, or that runs now; null when there is none. */
  get begun(): Begun | null {
    const value = objectOrNull(this.#get(BEGUN));
    const { kind, version, startedAtMs } = value ?? {};
    if (typeof kind !== 'string' || typeof startedAtMs !== 'number') return null;
    return { kind, version: typeof version === 'string' ? version : null, startedAtMs };
  }

  begin(begun: Begun): void {
    this.#set(BEGUN, JSON.stringify(begun));
  }

  /** Keeps the report of an update that is over. */
  end(kind: string, report: JsonObject): void {
    this.#set(reportKey(kind), JSON.stringify(report));
    this.#set(BEGUN, '');
  }

  /** The last update's report in the names of the wire; null before the first. */
  reportOf(kind: string): JsonObject | null {
    return objectOrNull(this.#get(reportKey(kind)));
  }

  /** Id of the engine that was the default before the present one; null when there is no way back. */
  formerOf(kind: StartedKind): string | null {
    return this.#get(formerKey(kind)) || null;
  }

  setFormer(kind: StartedKind, engineId: string | null): void {
    this.#set(formerKey(kind), engineId ?? '');
  }

  /** When newer versions were last looked for by Flow itself (ms since 1970); 0 = never. */
  get checkedAtMs(): number {
    return Number(this.#get(CHECKED)) || 0;
  }

  set checkedAtMs(value: number) {
    this.#set(CHECKED, String(value));
  }

  #get(key: string): string {
    const held = this.#values.get(key);
    if (held !== undefined) return held;
    const value = this.#store.select().from(facts).where(eq(facts.key, key)).get()?.value ?? '';
    this.#values.set(key, value);
    return value;
  }

  #set(key: string, value: string): void {
    this.#values.set(key, value);
    try {
      const insert = this.#store.insert(facts).values({ key, value });
      insert.onConflictDoUpdate({ target: facts.key, set: { value } }).run();
    } catch {
      return;
    }
  }
}
