/** Answers pushed through one stage or the whole chain, whole and cut, for tests of repairs. */
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import { repairChain } from '#src/repairs/repairs.ts';
import type { RepairContext, Sink, Stage } from '#src/repairs/stage.ts';
import type { RepairUse } from '#src/requests/request.ts';

export const TRAITS: ModelTraits = {
  family: null,
  callFormat: null,
  thinks: false,
  opensThought: false,
  wantsShortCallIds: false,
  wantsAlternation: false,
  thinkingSwitches: [],
  readsEffort: false,
};
export const THINKER: ModelTraits = { ...TRAITS, thinks: true };
export const OPEN_THINKER: ModelTraits = { ...THINKER, opensThought: true };

export type Mended = { readonly events: readonly StreamEvent[]; readonly uses: readonly RepairUse[] };

/** A context in which nothing is known, but for what is given. */
export function contextOf(given: Partial<RepairContext> = {}, uses: RepairUse[] = []): RepairContext {
  return {
    requestId: 'r1',
    tools: [],
    traits: TRAITS,
    switches: {},
    answerTokensMax: null,
    relaxed: new Map(),
    stopStrings: [],
    form: null,
    seen: new Set(),
    splitsThoughts: true,
    isThinkingOff: false,
    ...given,
    report: (use) => uses.push(use),
  };
}

/** What comes out of a stage. */
export function through(
  make: (context: RepairContext, next: Sink) => Stage | null,
  given: Partial<RepairContext>,
  events: readonly StreamEvent[],
): Mended {
  const uses: RepairUse[] = [];
  const out: StreamEvent[] = [];
  const stage = make(contextOf(given, uses), (event) => out.push(event));
  for (const event of events) {
    if (stage) stage.push(event);
    else out.push(event);
  }
  return { events: out, uses };
}

/** What comes out of the whole chain. */
export const throughChain = (given: Partial<RepairContext>, events: readonly StreamEvent[]): Mended =>
  through(repairChain, given, events);

export const text = (text: string): StreamEvent => ({ type: 'text', text });
export const thinking = (text: string): StreamEvent => ({ type: 'thinking', text });
export const start = (index: number, name: string): StreamEvent => ({
  type: 'tool-start',
  index,
  id: `call_${index}`,
  name,
});
export const args = (index: number, json: string): StreamEvent => ({ type: 'tool-arguments', index, json });
export const finish = (reason: FinishReason = 'stop'): StreamEvent => ({ type: 'finish', reason, stopSequence: null });

/** A text as events of these lengths, over and over. */
export function cut(content: string, lengths: readonly number[], make: (piece: string) => StreamEvent = text) {
  const pieces: StreamEvent[] = [];
  for (let at = 0, turn = 0; at < content.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    pieces.push(make(content.slice(at, at + length)));
    at += length;
  }
  return pieces;
}

/** Neighbours of one kind joined: what a client has in the end, whatever the cuts. */
export function joined(events: readonly StreamEvent[]): readonly StreamEvent[] {
  const out: StreamEvent[] = [];
  for (const event of events) {
    const last = out.at(-1);
    if (event.type === 'text' && last?.type === 'text') out[out.length - 1] = text(last.text + event.text);
    else if (event.type === 'thinking' && last?.type === 'thinking') {
      out[out.length - 1] = thinking(last.text + event.text);
    } else if (event.type === 'tool-arguments' && last?.type === 'tool-arguments' && last.index === event.index) {
      out[out.length - 1] = args(event.index, last.json + event.json);
    } else out.push(event);
  }
  return out;
}

/** A function tool. */
export const tool = (name: string, properties: Readonly<Record<string, unknown>>) => ({
  type: 'function' as const,
  function: { name, parameters: JSON.parse(JSON.stringify({ type: 'object', properties })) },
});
