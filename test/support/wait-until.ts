/** Waits for a condition, with a bound: never for luck. */

/** Resolves with the first truthy answer; throws after `maxMs` with what was waited for. */
export async function waitUntil<Value>(what: string, look: () => Value, maxMs = 30_000): Promise<NonNullable<Value>> {
  const startedMs = performance.now();
  for (;;) {
    const value = look();
    if (value) return value;
    if (performance.now() - startedMs > maxMs) throw new Error(`Waited ${maxMs} ms in vain for: ${what}`);
    await Bun.sleep(10);
  }
}
