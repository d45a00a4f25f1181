/**
 * The rules of the Responses event stream, written down once more from the outside: what any answer of ours must obey.
 */
import { eventTypes } from './event-types.ts';

export type WireEvent = { readonly type: string; readonly sequence_number: number } & {
  readonly [key: string]: unknown;
};
type Item = { readonly id: string; readonly type: string; readonly status: string } & {
  readonly [key: string]: unknown;
};
type Outcome = { readonly status: string; readonly output: readonly Item[] } & { readonly [key: string]: unknown };

let known: ReadonlyMap<string, readonly string[]> | null = null;

/** The events of a stream. Throws when a frame is not exactly an event line, a data line and an empty line. */
export function eventsOf(stream: string): WireEvent[] {
  if (stream === '') return [];
  if (!stream.endsWith('\n\n')) throw new Error('the last frame is not closed');
  return stream
    .slice(0, -2)
    .split('\n\n')
    .filter((frame) => !frame.startsWith(':'))
    .map((frame) => {
      const match = /^event: ([a-z_.]+)\ndata: (\{[^\n\r]*\})$/.exec(frame);
      if (!match?.[1] || !match[2]) throw new Error(`not a frame: ${frame}`);
      const event: WireEvent = JSON.parse(match[2]);
      if (event.type !== match[1]) throw new Error(`event ${match[1]} carries type ${event.type}`);
      return event;
    });
}

/** What each kind of item tells between its `added` and its `done`: opening, deltas, the whole, closing. */
const PARTS: Record<string, { open: string[]; delta: string; whole: string; field: string; close: string[] }> = {
  message: {
    open: ['response.content_part.added'],
    delta: 'response.output_text.delta',
    whole: 'response.output_text.done',
    field: 'text',
    close: ['response.content_part.done'],
  },
  reasoning: {
    open: ['response.reasoning_summary_part.added'],
    delta: 'response.reasoning_summary_text.delta',
    whole: 'response.reasoning_summary_text.done',
    field: 'text',
    close: ['response.reasoning_summary_part.done'],
  },
  function_call: {
    open: [],
    delta: 'response.function_call_arguments.delta',
    whole: 'response.function_call_arguments.done',
    field: 'arguments',
    close: [],
  },
  custom_tool_call: {
    open: [],
    delta: 'response.custom_tool_call_input.delta',
    whole: 'response.custom_tool_call_input.done',
    field: 'input',
    close: [],
  },
};

/** Throws at the first rule that a stream breaks; gives the response of its last event. */
export function checkStream(events: readonly WireEvent[]): Outcome {
  known ??= eventTypes();
  events.forEach((event, index) => {
    const fields = known?.get(event.type);
    rule(fields !== undefined, `the client knows no ${event.type}`);
    for (const field of fields ?? []) rule(field in event, `${event.type} without ${field}`);
    rule(event.sequence_number === index, `sequence ${event.sequence_number} at ${index}`);
  });
  const [created, started, ...rest] = events;
  rule(created?.type === 'response.created', 'the first event is not created');
  rule(started?.type === 'response.in_progress', 'the second event is not in_progress');
  const last = rest.at(-1);
  const ending = /^response\.(completed|incomplete|failed)$/.exec(last?.type ?? '')?.[1];
  rule(last !== undefined && ending !== undefined, `the last event is ${last?.type}`);
  const response = last.response as Outcome;
  const { id } = created.response as { id: string };
  rule(response.id === id && response.status === ending, `${response.id} is ${response.status} after ${last?.type}`);
  rule((response.usage === null) === (ending === 'failed'), 'usage is there when and only when it was answered');
  rule((response.error === null) === (ending !== 'failed'), 'an error is there when and only when it failed');
  const told = checkItems(rest.slice(0, -1), ending ?? '');
  rule(told.length === response.output.length, `${told.length} items told, ${response.output.length} in the response`);
  told.forEach((item, index) => {
    const final = response.output[index];
    rule(item.done === null || Bun.deepEquals(item.done, final), `item ${index} differs from the response`);
    rule(final?.id === item.id && final.type === item.type, `item ${index} is another one in the response`);
  });
  return response;
}

type Told = { readonly id: string; readonly type: string; done: Item | null };

function checkItems(events: readonly WireEvent[], ending: string): Told[] {
  const queue = [...events];
  const told: Told[] = [];
  while (queue.length > 0) {
    const added = queue.shift();
    rule(added?.type === 'response.output_item.added', `${added?.type} outside of an item`);
    const item = added?.item as Item;
    rule(added?.output_index === told.length, `item ${told.length} has the index ${added?.output_index}`);
    rule(item.status === 'in_progress', `a new item is ${item.status}`);
    const entry: Told = { id: item.id, type: item.type, done: null };
    told.push(entry);
    entry.done = checkItem(queue, item, told.length - 1, ending);
  }
  return told;
}

/** Null for an item that was cut off: a failure, or a call at the limit. */
function checkItem(queue: WireEvent[], item: Item, index: number, ending: string): Item | null {
  const parts = PARTS[item.type];
  if (parts === undefined) throw new Error(`an item of type ${item.type}`);
  const isCall = item.type.endsWith('_call');
  const next = (type: string): WireEvent | null => {
    const event = queue[0];
    // What was held back behind a call that was cut off is told after it.
    const isCut = event === undefined || (isCall && event.type === 'response.output_item.added');
    if (isCut) {
      const mayBeCut = ending === 'failed' || (ending === 'incomplete' && isCall);
      rule(mayBeCut, `${item.type} ends before ${type}`);
      return null;
    }
    rule(event.type === type, `${event.type} instead of ${type}`);
    rule(event.output_index === index, `${type} of item ${event.output_index} inside item ${index}`);
    rule(!('item_id' in event) || event.item_id === item.id, `${type} of another item`);
    return queue.shift() ?? null;
  };
  for (const type of parts.open) if (next(type) === null) return null;
  let text = '';
  while (queue[0]?.type === parts.delta) {
    const delta = next(parts.delta)?.delta as string;
    rule(delta !== '', 'an empty delta');
    text += delta;
  }
  const whole = next(parts.whole);
  if (whole === null) return null;
  rule(whole[parts.field] === text, `the deltas of a ${item.type} are not its whole`);
  for (const type of parts.close) if (next(type) === null) return null;
  const done = next('response.output_item.done')?.item as Item | undefined;
  if (done === undefined) return null;
  rule(done.id === item.id && done.type === item.type, 'an item changed its identity');
  rule(done.status === 'completed' || (done.status === 'incomplete' && !isCall), `a done item is ${done.status}`);
  rule(wordsOf(done) === text, `a done ${item.type} does not say what was told`);
  return done;
}

/** What an item says, whatever its type. */
export function wordsOf(item: Readonly<Record<string, unknown>>): string {
  const parts = (item.content ?? item.summary) as { text: string }[] | undefined;
  return parts === undefined ? String(item.arguments ?? item.input) : parts.map((part) => part.text).join('');
}

function rule(holds: boolean, words: string): asserts holds {
  if (!holds) throw new Error(words);
}
