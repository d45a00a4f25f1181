/** Answers of `/v1/responses` that can be asked for again, or be gone on with (`previous_response_id`). */
import type { JsonObject } from '#src/json.ts';

/** One answer as it is kept. */
export type KeptResponse = {
  readonly id: string;
  /** The answer that this one goes on with. */
  readonly previousId: string | null;
  /** Seconds since 1970. */
  readonly createdS: number;
  /** The items of its own input, each with an id. */
  readonly input: readonly JsonObject[];
  /** The Response resource, as the client was given it. */
  readonly response: JsonObject;
  /** The id of the key that it was asked for with; null = none, so that only who may read everything sees it. */
  readonly owner: string | null;
};

/** Where answers are kept. */
export interface ResponseMemory {
  find(id: string): KeptResponse | null;
  /** `isLasting`: also beyond a restart, because the client has said so. Never throws. */
  keep(kept: KeptResponse, options: { readonly isLasting: boolean }): void;
  /** False when there was nothing to forget. Throws a Fault when the database does not let go of it. */
  forget(id: string): boolean;
}
