/**
 * What a model says, as events. Content only: brackets (block starts and stops) belong to the encoder that needs them.
 *
 *   answer    := prompt* (text | thinking | tool-call)* usage* finish?     and, at any place, `fault` as the last event
 *   tool-call := tool-start tool-arguments*        calls of different index may interleave
 */
import type { Fault } from '#src/faults.ts';
import type { EngineTimings, Usage } from '#src/requests/request.ts';

export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'filtered';

export type StreamEvent =
  /** The engine's word on the prompt, before and while it is read. */
  | {
      readonly type: 'prompt';
      readonly promptTokens: number;
      readonly cachedTokens: number;
      readonly processedTokens: number;
    }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly text: string }
  | { readonly type: 'tool-start'; readonly index: number; readonly id: string; readonly name: string }
  | { readonly type: 'tool-arguments'; readonly index: number; readonly json: string }
  | { readonly type: 'usage'; readonly usage: Usage; readonly timings: EngineTimings }
  | { readonly type: 'finish'; readonly reason: FinishReason; readonly stopSequence: string | null }
  | { readonly type: 'fault'; readonly fault: Fault };
