/**
 * Says what must be true here. A failing assertion is a mistake in Flow, never in its input: it throws and is not
 * caught.
 */
export function assert(condition: boolean, expectation: string): asserts condition {
  if (!condition) throw new Error(`Expected: ${expectation}`);
}

/** Closes a `switch` over a union: the compiler refuses a forgotten case, the runtime names an impossible one. */
export function impossible(value: never): never {
  throw new Error(`Impossible value: ${JSON.stringify(value)}`);
}
