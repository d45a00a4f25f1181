/** What every client protocol gives the gateway. One folder a dialect; pure: no fetch, no clock, no database. */
import type { ChatRequest } from '#src/dialects/chat-request.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';

/** What an encoder may put into its first frame. */
export type AnswerHead = {
  /** Unique per request, without a protocol's prefix. */
  readonly requestId: string;
  /** The model that serves, as Flow names it. */
  readonly modelId: string;
  /** Seconds since 1970. */
  readonly createdS: number;
};

/** Turns events into one protocol's stream. `push` and `end` return text ready for the wire ('' for nothing). */
export interface Encoder {
  push(event: StreamEvent): string;
  /** Called once after the last event; closes what is open. Must not invent a finish that no event gave. */
  end(): string;
}

/** Gathers events into one protocol's whole answer. */
export interface Collector {
  push(event: StreamEvent): void;
  /** The complete body. Throws the Fault that came as an event, or engine-died when no finish came. */
  result(): JsonObject;
}

/**
 * Fault as a protocol's error answer: complete, with the headers that its clients read (retry-after, x-should-retry,
 * request-id).
 */
export type Refusal = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
};

/** How a protocol speaks of faults and silence; every route for agents has one. */
export interface Voice {
  readonly name: string;
  /** The content type of its streams. */
  readonly streamType: string;
  /** Sent while there is nothing to say: an SSE comment, Anthropic's `ping`, an empty line of content. */
  heartbeat(head: AnswerHead): string;
  refusal(fault: Fault, requestId: string): Refusal;
  /** A fault after the first byte, as the last frame of a stream. */
  failure(fault: Fault, requestId: string): string;
}

/** A body that was understood. It also knows how its answer is told, since that may depend on what was asked. */
export type Reading = {
  readonly request: ChatRequest;
  readonly wantsStream: boolean;
  /** In words, what was left out of the request or taken otherwise than it was written. */
  readonly notes: readonly string[];
  encoder(head: AnswerHead): Encoder;
  collector(head: AnswerHead): Collector;
};

/** A protocol that is not the engine's own and is translated both ways. */
export interface Dialect extends Voice {
  /** Reads a client's body. Throws Fault('invalid-request') with the path of what is wrong. */
  read(body: JsonObject): Reading;
}

/** The content type of server-sent events. */
export const EVENT_STREAM = 'text/event-stream; charset=utf-8';
