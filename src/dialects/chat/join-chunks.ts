/** A stream of OpenAI chunks, of chat or of text, as the whole answer that it tells; unknown fields come along. */
import { isObject, type JsonObject, jsonOrNull, numberOrNull } from '#src/json.ts';
import { type FrameShape, shapeOf, textBy } from './frame-shape.ts';

/** Frames of one shape in a row: together they say what one of them with all their text would. */
type Run = {
  readonly shape: FrameShape;
  readonly choiceOf: (text: string) => JsonObject;
  text: string;
};

/**
 * Joins chunks as every client does: texts grow, list items are told apart by their `index`, anything else is what was
 * said last. Read by this, a stream gives the fields that the engine gives when it is asked for a whole answer.
 */
export class ChunkJoiner {
  #answer: JsonObject = {};
  readonly #choices = new Map<number, JsonObject>();
  #run: Run | null = null;

  /** Takes the data of one frame; what is no chunk is left out. */
  push(data: string): void {
    const text = this.#run && textBy(this.#run.shape, data);
    if (this.#run && text !== null) this.#run.text += text;
    else this.#parse(data);
  }

  #parse(data: string): void {
    this.#endRun();
    const chunk = jsonOrNull(data);
    if (!isObject(chunk)) return;
    const { choices, ...rest } = chunk;
    this.#answer = { ...this.#answer, ...rest };
    if (!Array.isArray(choices)) return;
    for (const choice of choices) if (isObject(choice)) this.#pushChoice(choice);
    if (choices.length === 1) this.#run = runOf(data, choices[0]);
  }

  #endRun(): void {
    if (this.#run && this.#run.text !== '') this.#pushChoice(this.#run.choiceOf(this.#run.text));
    this.#run = null;
  }

  /** The whole answer so far. */
  result(): JsonObject {
    this.#endRun();
    const { usage, timings, ...answer } = this.#answer;
    return {
      ...answer,
      object: answer.object === TEXT_COMPLETION ? TEXT_COMPLETION : 'chat.completion',
      choices: [...this.#choices.values()].map(wholeChoice),
      ...(usage === undefined ? {} : { usage }),
      ...(timings === undefined ? {} : { timings }),
    };
  }

  #pushChoice(choice: JsonObject): void {
    const index = numberOrNull(choice.index) ?? 0;
    this.#choices.set(index, joined(this.#choices.get(index) ?? {}, choice, 0));
  }
}

/** Chunks of text have the name of the whole. */
const TEXT_COMPLETION = 'text_completion';
/** Deeper than any answer; a hostile engine must not exhaust the stack. */
const DEPTH_MAX = 16;
/** Words that are said anew in each chunk instead of growing. */
const NAMES = new Set(['id', 'type', 'role', 'object', 'finish_reason']);

/** The run that a chunk begins which says one text and, beside it, nothing that grows; null when it does not. */
function runOf(data: string, choice: unknown): Run | null {
  if (!isObject(choice)) return null;
  const { index, delta, ...rest } = choice;
  const spoken = isObject(delta) ? delta : {};
  const [growing, ...others] = [...Object.entries(rest), ...Object.entries(spoken)].filter(grows);
  if (growing === undefined || others.length > 0) return null;
  const [name, text] = growing;
  const shape = typeof text === 'string' ? shapeOf(data, name, text) : null;
  const isSpoken = Object.hasOwn(spoken, name);
  const choiceOf = (more: string) => ({ index, ...(isSpoken ? { delta: { [name]: more } } : { [name]: more }) });
  return shape && { shape, choiceOf, text: '' };
}

function grows([name, value]: readonly [string, unknown]): boolean {
  return (typeof value === 'string' && !NAMES.has(name)) || (typeof value === 'object' && value !== null);
}

function joined(before: JsonObject, more: JsonObject, depth: number): JsonObject {
  const all: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(more)) {
    all[name] = NAMES.has(name) ? (value ?? all[name]) : joinedValue(all[name], value, depth + 1);
  }
  return all;
}

function joinedValue(before: unknown, value: unknown, depth: number): unknown {
  if (value === null || value === undefined) return before ?? value;
  if (typeof before === 'string' && typeof value === 'string') return before + value;
  if (depth > DEPTH_MAX) return value;
  if (isObject(before) && isObject(value)) return joined(before, value, depth);
  if (Array.isArray(value)) return joinedList(Array.isArray(before) ? before : [], value, depth);
  return value;
}

/** Items with an index go on with theirs; others, such as probabilities, follow each other. */
function joinedList(before: readonly unknown[], more: readonly unknown[], depth: number): unknown[] {
  const all = [...before];
  for (const item of more) {
    const index = isObject(item) ? numberOrNull(item.index) : null;
    const at = index === null ? -1 : all.findIndex((held) => isObject(held) && held.index === index);
    const held = all[at];
    if (isObject(item) && isObject(held)) all[at] = { ...joined(held, item, depth), index };
    else all.push(item);
  }
  return all;
}

function wholeChoice({ delta, ...choice }: JsonObject): JsonObject {
  if (typeof choice.text === 'string') return choice;
  const said = isObject(delta) ? delta : {};
  const calls = Array.isArray(said.tool_calls) ? { tool_calls: said.tool_calls.map(withoutIndex) } : {};
  const content = said.content ?? (Array.isArray(said.tool_calls) ? null : '');
  return { ...choice, message: { role: 'assistant', ...said, content, ...calls } };
}

function withoutIndex(call: unknown): unknown {
  if (!isObject(call)) return call;
  const { index: _index, ...rest } = call;
  return rest;
}
