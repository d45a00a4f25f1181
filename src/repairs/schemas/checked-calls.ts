/**
 * Calls of tools whose schemas were relaxed for the engine: the engine could not keep the model to them, so they are
 * checked here. Such a call is held until it is whole; all else streams on.
 */

import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { jsonOrNull } from '#src/json.ts';
import type { RepairContext, Sink, Stage } from '../stage.ts';
import type { JudgedCall } from './correction.ts';
import { fitArguments } from './fit-arguments.ts';
import { type Violation, validate, violationText } from './validate.ts';

type Start = Extract<StreamEvent, { type: 'tool-start' }>;
type Counts = Extract<StreamEvent, { type: 'usage' }>;
/** A call; `events` are those that the client has not been given. */
type Call = {
  readonly start: Start;
  events: StreamEvent[];
  json: string;
  isHeld: boolean;
  violations: readonly Violation[];
};

const TOLD_MAX = 5;
const SAMPLE_CHARACTERS_MAX = 500;

/**
 * Mends what can only have been meant in one way. Otherwise the model is asked to correct its call, once, if
 * `context.askAgain` takes the correction; or the call goes on as it is, and the record says what is wrong with it.
 */
export function checkedCalls(context: RepairContext, next: Sink): Stage {
  return new CheckedCalls(context, next);
}

class CheckedCalls implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  readonly #calls = new Map<number, Call>();
  #text = '';
  #thinking = '';
  #counts: Counts | null = null;

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    switch (event.type) {
      case 'text':
        this.#text += event.text;
        break;
      case 'thinking':
        this.#thinking += event.text;
        break;
      case 'tool-start':
        this.#begin(event);
        return;
      case 'tool-arguments': {
        const call = this.#calls.get(event.index);
        if (call) call.json += event.json;
        if (!call?.isHeld) break;
        call.events.push(event);
        return;
      }
      case 'usage':
        this.#judge(true);
        if (!this.#isWrong) break;
        this.#counts = event;
        return;
      case 'finish':
        this.#finish(event);
        return;
      case 'fault':
        this.#release();
        break;
      default:
    }
    this.#next(event);
  }

  get #isWrong(): boolean {
    return this.#calls.values().some(({ violations }) => violations.length > 0);
  }

  #begin(event: Start): void {
    this.#judge(false);
    // What follows a wrong call waits with it: the model may make it anew.
    const isHeld = this.#context.relaxed.has(event.name) || this.#isWrong;
    this.#calls.set(event.index, { start: event, events: isHeld ? [event] : [], json: '', isHeld, violations: [] });
    if (!isHeld) this.#next(event);
  }

  #finish(event: Extract<StreamEvent, { type: 'finish' }>): void {
    // What was cut off cannot be judged.
    const isWhole = event.reason === 'stop' || event.reason === 'tool-calls';
    if (isWhole) this.#judge(true);
    const handOn = () => {
      this.#release();
      if (this.#counts) this.#next(this.#counts);
      this.#next(event);
    };
    if (!isWhole || !this.#isWrong) {
      handOn();
      return;
    }
    const calls = [...this.#calls.values()];
    const told = { calls: calls.map(judged), wish: null };
    const asked = { text: this.#text, thinking: this.#thinking, ...told, counts: this.#counts };
    const isAsked = this.#context.askAgain?.({ ...asked, handOn: () => this.#giveUp(handOn) }) ?? false;
    if (isAsked) this.#report('the model was asked to correct its call', '');
    else this.#giveUp(handOn);
  }

  #giveUp(handOn: () => void): void {
    this.#report('the call was handed on as it is', null);
    handOn();
  }

  /** Looks at the calls that have come whole; without a word of arguments that is only known at the end. */
  #judge(isEnd: boolean): void {
    for (const call of this.#calls.values()) {
      const schema = this.#context.relaxed.get(call.start.name);
      if (!call.isHeld || schema === undefined || call.violations.length > 0) continue;
      const value = jsonOrNull(call.json === '' && isEnd ? '{}' : call.json);
      // No JSON is not this stage's to mend.
      if (value === null) continue;
      const violations = validate(schema, value);
      const fitted = violations.length === 0 ? value : fitArguments(schema, value);
      if (violations.length > 0 && validate(schema, fitted).length > 0) call.violations = violations;
      else this.#pass(call, violations, JSON.stringify(fitted));
    }
  }

  #pass(call: Call, violations: readonly Violation[], json: string): void {
    const [first] = violations;
    if (first) {
      const note = `an argument of ${call.start.name} was made to fit: ${violationText(first)}`;
      this.#context.report({ kind: 'tool-schema', note, before: sample(call.json), after: sample(json) });
      call.events = [call.start, { type: 'tool-arguments', index: call.start.index, json }];
      call.json = json;
    }
    // While another call is wrong, this one waits.
    if (!this.#isWrong) this.#let(call);
  }

  #let(call: Call): void {
    for (const event of call.events) this.#next(event);
    call.events = [];
    call.isHeld = false;
  }

  #release(): void {
    for (const call of this.#calls.values()) if (call.isHeld) this.#let(call);
  }

  #report(what: string, after: string | null): void {
    for (const { start, json, violations } of this.#calls.values()) {
      const [first] = violations;
      if (!first) continue;
      const note = `${start.name} does not match its schema (${violationText(first)}): ${what}`;
      this.#context.report({ kind: 'tool-schema', note, before: sample(json), after: after ?? sample(json) });
    }
  }
}

function judged({ start, json, isHeld, violations }: Call): JudgedCall {
  return { name: start.name, json: json === '' ? '{}' : json, verdict: verdict(isHeld, violations) };
}

function verdict(isHeld: boolean, violations: readonly Violation[]): string {
  if (!isHeld) return 'This call was accepted. Do not make it again.';
  if (violations.length === 0)
    return 'This call was not carried out, because another one was not valid. Make it again.';
  const told = violations.slice(0, TOLD_MAX).map(violationText).join('; ');
  return `This call was not carried out: its arguments do not match the tool's schema. ${told}. Make the call again with arguments that match.`;
}

function sample(json: string): string {
  return json.slice(0, SAMPLE_CHARACTERS_MAX);
}
