/** OpenAI Responses, as Codex, opencode and pi speak it. */
import { type Clock, systemClock } from '#src/clock.ts';
import { type Dialect, EVENT_STREAM, type Voice } from '#src/dialects/dialect.ts';
import type { ResponseMemory } from '#src/responses/memory.ts';
import { responsesCollector, responsesEncoder } from './answer.ts';
import { readRequest } from './request.ts';
import { failureOf, refusalOf } from './voice.ts';

export type ResponsesParts = {
  /** Where answers are kept, for `previous_response_id` and for whoever asks for them again. */
  readonly memory: ResponseMemory;
  readonly clock?: Pick<Clock, 'wallMs'>;
};

/** How it speaks of faults and silence. */
export const responsesVoice: Voice = {
  name: 'responses',
  streamType: EVENT_STREAM,
  heartbeat: () => ': flow\n\n',
  refusal: refusalOf,
  failure: failureOf,
};

/** The protocol of `/v1/responses`. */
export function openResponses({ memory, clock = systemClock }: ResponsesParts): Dialect {
  return {
    ...responsesVoice,
    read: (body) => {
      const { asked, ...reading } = readRequest(body, memory);
      return {
        ...reading,
        encoder: (head) => responsesEncoder({ head, asked, memory, clock }),
        collector: (head) => responsesCollector({ head, asked, memory, clock }),
      };
    },
  };
}
