/** What reading the messages brings to light for the rest of the request. */
import type { JsonObject } from '#src/json.ts';

export type Findings = {
  /** What was left out, in words. */
  readonly notes: Set<string>;
  /** Names of deferred tools that the conversation has brought in, in the order of their first mention. */
  readonly toolReferences: Set<string>;
  /** Tools defined inside the conversation, in order. */
  readonly toolDefinitions: JsonObject[];
  /** Names of tools that the conversation has taken away again. */
  readonly removedTools: Set<string>;
};

/** Nothing found yet. */
export function noFindings(): Findings {
  return { notes: new Set(), toolReferences: new Set(), toolDefinitions: [], removedTools: new Set() };
}
