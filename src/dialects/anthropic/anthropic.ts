/** Anthropic Messages, as Claude Code, opencode and pi speak it. */
import { type Dialect, EVENT_STREAM } from '#src/dialects/dialect.ts';
import { anthropicCollector } from './collect.ts';
import { anthropicEncoder } from './encode.ts';
import { readRequest } from './request.ts';
import { failureOf, PING, refusalOf } from './voice.ts';

/** The protocol of `/v1/messages`; its voice also serves `/v1/messages/count_tokens`. */
export const anthropic: Dialect = {
  name: 'anthropic',
  streamType: EVENT_STREAM,
  heartbeat: () => PING,
  refusal: refusalOf,
  failure: failureOf,
  read: (body) => {
    const { stops, ...reading } = readRequest(body);
    return {
      ...reading,
      encoder: (head) => anthropicEncoder(head, stops),
      collector: (head) => anthropicCollector(head, stops),
    };
  },
};
