/** What the gateway needs of the rest of Flow. */
import type { Clock } from '#src/clock.ts';
import type { ChatRequest } from '#src/dialects/chat-request.ts';
import type { Dialect } from '#src/dialects/dialect.ts';
import type { ContentRules } from '#src/dialects/normalise.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import type { Model } from '#src/models/model.ts';
import type { Missing } from '#src/models/presence.ts';
import type { Resolved } from '#src/models/resolve.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import type { RepairKind, Tracker } from '#src/requests/request.ts';
import type { ResponseMemory } from '#src/responses/memory.ts';
import type { Lender } from '#src/scheduling/lease.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { Pulse } from '#src/stream/pulse.ts';
import type { EngineClient } from '#src/transport/exchange.ts';
import type { LargeBodies } from './large-bodies.ts';
import type { TokenEstimates } from './token-estimates.ts';

/** Registered models by the names that requests use. */
export interface ModelNames {
  /** The model that a request means. Throws Fault('model-not-found'), or 'invalid-request' when none is meant. */
  resolve(wanted: string | null): Resolved;
  /** All of them, in the order of the listing. */
  list(): readonly Model[];
}

/** Tidies a message list for chat templates; see `normaliseMessages`. */
export type Normalise = (
  request: ChatRequest,
  rules: ContentRules,
) => { readonly request: ChatRequest; readonly changes: readonly string[] };

/** Everything the gateway's routes are made of. */
export type GatewayServices = {
  readonly lender: Lender;
  readonly tracker: Tracker;
  readonly client: EngineClient;
  readonly models: ModelNames;
  readonly settings: { readonly current: Pick<Settings, 'strip_attribution'> };
  readonly clock: Clock;
  readonly pulse: Pulse;
  readonly bodies: LargeBodies;
  readonly dialects: { readonly anthropic: Dialect; readonly responses: Dialect };
  /** Answers of `/v1/responses` that may be asked for again. */
  readonly responses: ResponseMemory;
  readonly normalise: Normalise;
  /** What a model's file says of itself; null when it is none that Flow reads, or cannot be read now. */
  readonly facts: (model: Model) => ModelFacts | null;
  /** Why a model's files are not there, as the last look found; null when they are. */
  readonly missing: (model: Model) => Missing | null;
  /** Flow's own. */
  readonly version: string;
  /** What is known of a model's habits. */
  readonly traits: (model: Model) => ModelTraits;
  /** What was mended in a model's earlier answers. */
  readonly seen: (model: Model) => ReadonlySet<RepairKind>;
  /** How long prompts are, where an engine does not count them. */
  readonly estimates: TokenEstimates;
};
