/** Runs texts through the repair, cut as wished, and tells what came out. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import type { RepairSwitches } from '#src/models/behaviour.ts';
import { detectTraits, type ModelTraits } from '#src/models/traits.ts';
import { leakedCalls } from '#src/repairs/calls/leaked-calls.ts';
import type { RepairUse } from '#src/requests/request.ts';

const NO_TRAITS = detectTraits({ architecture: null, name: '', hfId: null, chatTemplate: null });

export const TOOLS: readonly ChatTool[] = [
  tool('get_weather', {
    type: 'object',
    properties: {
      city: { type: 'string' },
      days: { type: 'integer' },
      units: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      exact: { type: 'boolean' },
      place: { type: 'object', properties: { lat: { type: 'number' }, lon: { type: 'number' } } },
      tags: { type: 'array', items: { type: 'string' } },
    },
    required: ['city'],
  }),
  tool('write_file', {
    type: 'object',
    properties: { path: { type: 'string' }, content: { type: 'string' } },
    required: ['path', 'content'],
  }),
  tool('list_files', { type: 'object', properties: {} }),
  tool('mcp-server__do.it', { type: 'object', properties: { 'p-q': { type: 'string' }, limit: { type: 'number' } } }),
  tool('mcp:fs/read', { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] }),
];

function tool(name: string, parameters: { readonly [key: string]: unknown }): ChatTool {
  return { type: 'function', function: { name, parameters } };
}

/** One piece of an answer, with neighbours of the same kind put together. */
export type Part = { text: string } | { thinking: string } | { call: string; args: unknown; id: string; index: number };

/** `log`: the texts that came out and the texts that calls were written as, in order, neighbouring texts as one. */
export type Told = {
  parts: Part[];
  finish: FinishReason | null;
  uses: RepairUse[];
  events: StreamEvent[];
  log: { raw: boolean; text: string }[];
};

export type Options = {
  tools?: readonly ChatTool[];
  finish?: FinishReason | null;
  traits?: Partial<ModelTraits>;
  switches?: RepairSwitches;
};

/** Pushes the events, then the finish. */
export function tell(events: readonly StreamEvent[], options: Options = {}): Told {
  const uses: RepairUse[] = [];
  const out: StreamEvent[] = [];
  const log: Told['log'] = [];
  const stage = leakedCalls(
    {
      requestId: 'abc',
      tools: options.tools ?? TOOLS,
      traits: { ...NO_TRAITS, ...options.traits },
      switches: options.switches ?? {},
      answerTokensMax: null,
      relaxed: new Map(),
      stopStrings: [],
      form: null,
      seen: new Set(),
      splitsThoughts: true,
      isThinkingOff: false,
      report: (use) => {
        uses.push(use);
        if (use.kind === 'leaked-call') log.push({ raw: true, text: use.before });
      },
    },
    (event) => {
      out.push(event);
      if (event.type !== 'text') return;
      const last = log.at(-1);
      if (last && !last.raw) last.text += event.text;
      else log.push({ raw: false, text: event.text });
    },
  );
  for (const event of events) stage.push(event);
  const reason = options.finish === undefined ? 'stop' : options.finish;
  if (reason !== null) stage.push({ type: 'finish', reason, stopSequence: null });
  const last = out.at(-1);
  return { parts: merged(out), finish: last?.type === 'finish' ? last.reason : null, uses, events: out, log };
}

/** Text events of these pieces. */
export function texts(pieces: readonly string[]): StreamEvent[] {
  return pieces.map((text) => ({ type: 'text', text }));
}

/** The whole text in one event. */
export function tellText(text: string, options: Options = {}): Told {
  return tell(texts([text]), options);
}

/** What was told, without who and how: texts, and calls with their arguments. */
export function gist(told: Told): unknown[] {
  return told.parts.map((part) => ('call' in part ? { call: part.call, args: part.args } : part));
}

function merged(events: readonly StreamEvent[]): Part[] {
  const parts: Part[] = [];
  for (const event of events) {
    const last = parts.at(-1);
    if (event.type === 'text') {
      if (last && 'text' in last) last.text += event.text;
      else if (event.text !== '') parts.push({ text: event.text });
    } else if (event.type === 'thinking') {
      if (last && 'thinking' in last) last.thinking += event.text;
      else parts.push({ thinking: event.text });
    } else if (event.type === 'tool-start') {
      parts.push({ call: event.name, args: undefined, id: event.id, index: event.index });
    } else if (event.type === 'tool-arguments' && last && 'call' in last) {
      last.args = JSON.parse(event.json);
    }
  }
  return parts;
}
