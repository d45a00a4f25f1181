/** Arguments of calls that the engine parsed itself, with the types of the tool's own schema. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { isObject, type Json } from '#src/json.ts';
import { typedArguments } from './calls/typed-values.ts';
import type { RepairContext, Sink, Stage } from './stage.ts';
import { type HoldRule, TopValues } from './top-values.ts';

type Arguments = Extract<StreamEvent, { type: 'tool-arguments' }>;
type Call = { readonly tool: ChatTool; readonly values: TopValues; held: Arguments[]; hasReport: boolean };

const SAMPLE_CHARACTERS_MAX = 500;

/**
 * Arguments stream: held back is only a value that has begun as something the schema does not want (a text where it
 * wants a number, a number where it wants a text), and only until it ends; or all of them, when they come as one JSON
 * text. Where nothing changes the same events go on in the same order.
 */
export function typedCalls(context: RepairContext, next: Sink): Stage {
  return new TypedCalls(context, next);
}

class TypedCalls implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  readonly #tools: ReadonlyMap<string, ChatTool>;
  readonly #calls = new Map<number, Call>();

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
    this.#tools = new Map(context.tools.map((tool) => [tool.function.name, tool]));
  }

  push(event: StreamEvent): void {
    if (event.type === 'tool-arguments') {
      const call = this.#calls.get(event.index);
      if (call) this.#grow(call, event);
      else this.#next(event);
      return;
    }
    if (event.type === 'tool-start') this.#begin(event.index, event.name);
    // What is still held is not whole: it goes on as it is, and other stages know what that means.
    else if (event.type === 'usage' || event.type === 'finish' || event.type === 'fault') this.#letGo();
    this.#next(event);
  }

  #begin(index: number, name: string): void {
    const tool = this.#tools.get(name);
    if (!tool) return;
    const values = new TopValues(ruleFor(tool));
    this.#calls.set(index, { tool, values, held: [], hasReport: false });
  }

  #grow(call: Call, event: Arguments): void {
    const { values } = call;
    const begun = values.see(event.json);
    const events = call.held;
    if (events.length === 0 && !begun) {
      this.#next(event);
      return;
    }
    events.push(event);
    if (values.isHolding) return;
    call.held = [];
    this.#settle(call, events);
  }

  /** All values that were held have ended. */
  #settle(call: Call, events: readonly Arguments[]): void {
    const [first] = events;
    const text = events.map(({ json }) => json).join('');
    const mended = mendedText(call, text);
    if (mended === text || !first) {
      for (const event of events) this.#next(event);
      return;
    }
    this.#report(call, text, mended);
    this.#next({ type: 'tool-arguments', index: first.index, json: mended });
  }

  #letGo(): void {
    for (const call of this.#calls.values()) {
      for (const event of call.held) this.#next(event);
      call.held = [];
    }
  }

  #report(call: Call, before: string, after: string): void {
    if (call.hasReport) return;
    call.hasReport = true;
    this.#context.report({
      kind: 'typed-arguments',
      note: `arguments of ${call.tool.function.name} got the types of its schema`,
      before: before.slice(0, SAMPLE_CHARACTERS_MAX),
      after: after.slice(0, SAMPLE_CHARACTERS_MAX),
    });
  }
}

/** The text of the events with each held value typed; the values are given by their places in it. */
function mendedText({ tool, values }: Call, text: string): string {
  let mended = '';
  let from = 0;
  for (const { key, start, end } of values.take()) {
    mended += text.slice(from, start) + typedText(tool.function.parameters, key, text.slice(start, end));
    from = end;
  }
  return mended + text.slice(from);
}

/** One value as the schema wants it; as it was when that cannot be told. */
function typedText(schema: Json | undefined, key: string | null, text: string): string {
  const value = parsed(text);
  if (value === undefined) return text;
  if (key === null) return wholeText(schema, value, text);
  if (typeof value === 'object' && value !== null && wantsText(schema, key)) return JSON.stringify(text);
  const { args, changed } = typedArguments(schema, { [key]: value });
  return changed ? JSON.stringify(args[key]) : text;
}

/** Arguments that came as one JSON text: the object in it, when there is one. */
function wholeText(schema: Json | undefined, value: unknown, text: string): string {
  const inner = typeof value === 'string' ? parsed(value) : undefined;
  if (!isObject(inner)) return text;
  const { args, changed } = typedArguments(schema, inner);
  return changed || typeof value !== 'string' ? JSON.stringify(args) : value.trim();
}

/** Which values are worth waiting for, by what they begin with. Asked once a key. */
function ruleFor({ function: { parameters } }: ChatTool): HoldRule {
  const rules = new Map<string, string>();
  return (key, first) => {
    let held = rules.get(key);
    if (held === undefined) {
      held = heldBeginnings(parameters, key);
      rules.set(key, held);
    }
    return held.includes(first);
  };
}

/** The first characters of values that the schema does not want there. */
function heldBeginnings(schema: Json | undefined, key: string): string {
  if (wantsText(schema, key)) return '{[0123456789-tf';
  const isTextRead = ['1', 'true', '{}', '[]', 'null'].some((text) => changes(schema, key, text));
  return `${isTextRead ? '"' : ''}${hasScalars(schema, key) ? '{[' : ''}`;
}

/** It takes nothing but text. */
function wantsText(schema: Json | undefined, key: string): boolean {
  return changes(schema, key, 1);
}

function changes(schema: Json | undefined, key: string, value: unknown): boolean {
  return typedArguments(schema, { [key]: value }).changed;
}

/** Within it are numbers or booleans, so that texts in their places could be meant as such. */
function hasScalars(schema: Json | undefined, key: string): boolean {
  if (!isObject(schema) || !isObject(schema.properties)) return false;
  return /"(?:integer|number|boolean)"|"\$ref"/.test(JSON.stringify(schema.properties[key]) ?? '');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
