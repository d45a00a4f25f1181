/**
 * Holds an answer to the form that was asked for, where the engine cannot: JSON by a schema, or a call of a tool. The
 * model was told so in the system text; here its answer is checked, and asked for once more when it is not so.
 */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { type Json, jsonOrNull } from '#src/json.ts';
import { fitArguments } from './schemas/fit-arguments.ts';
import { validate, violationText } from './schemas/validate.ts';
import type { AskedForm, RepairContext, Sink, Stage } from './stage.ts';

type Finish = Extract<StreamEvent, { type: 'finish' }>;
type Text = Extract<StreamEvent, { type: 'text' }>;
type Counts = Extract<StreamEvent, { type: 'usage' }>;

/** What is wrong, for the record, and the words for the model. */
type Wish = { readonly what: string; readonly words: string };

/** A parser of the engine's throws away what it cannot read, and an agent would take the silence for the end. */
const LOST: Wish = {
  what: 'the answer held nothing, or a call that was lost',
  words: 'Your tool call could not be read. Make the call again, as valid JSON; or answer in text.',
};
const SAMPLE_CHARACTERS_MAX = 500;
const TOLD_MAX = 5;

/** Text that is to be JSON is held until all of it has come; any other answer streams on. */
export function askedForm(form: AskedForm, context: RepairContext, next: Sink): Stage {
  return new AskedFormStage(form, context, next);
}

class AskedFormStage implements Stage {
  readonly #form: AskedForm;
  readonly #context: RepairContext;
  readonly #next: Sink;
  #said = '';
  #thinking = '';
  #held: Text[] = [];
  #counts: Counts | null = null;
  #hasCall = false;
  #isOver = false;

  constructor(form: AskedForm, context: RepairContext, next: Sink) {
    this.#form = form;
    this.#context = context;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    if (this.#isOver) return;
    switch (event.type) {
      case 'text':
        this.#said += event.text;
        if (this.#form.kind === 'json') {
          this.#held.push(event);
          return;
        }
        break;
      case 'thinking':
        this.#thinking += event.text;
        break;
      case 'tool-start':
        this.#hasCall = true;
        this.#release();
        break;
      case 'usage':
        // The finish follows it, and only then is it known whether these are the counts of the whole.
        this.#counts = event;
        return;
      case 'finish':
        this.#isOver = true;
        this.#finish(event);
        return;
      case 'fault':
        this.#release();
        break;
      default:
    }
    this.#next(event);
  }

  #finish(event: Finish): void {
    const handOn = () => {
      this.#release();
      if (this.#counts) this.#next(this.#counts);
      this.#next(event);
    };
    // What was cut off, or became a call, is not held to it.
    const wish = event.reason === 'stop' && !this.#hasCall ? this.#judge() : null;
    if (wish === null) {
      handOn();
      return;
    }
    const giveUp = () => {
      this.#report(`${wish.what}: the answer was handed on as it is`, this.#said);
      handOn();
    };
    const asked = { text: this.#said, thinking: this.#thinking, calls: [], wish: wish.words, counts: this.#counts };
    const isAsked = this.#context.askAgain?.({ ...asked, handOn: giveUp }) ?? false;
    if (isAsked) this.#report(`${wish.what}: the model was asked once more`, '');
    else giveUp();
  }

  /** What the model must be told; null when the answer is as it was asked for, or could be made so. */
  #judge(): Wish | null {
    if (this.#form.kind === 'call') {
      const names = this.#form.tools.join(', ');
      return { what: 'no tool was called', words: `Do not answer in text: call one of these tools now: ${names}.` };
    }
    if (this.#form.kind === 'answer') return this.#form.hasLostCall() || this.#said.trim() === '' ? LOST : null;
    return this.#judgeJson(this.#form.schema);
  }

  #judgeJson(schema: Json): Wish | null {
    const found = jsonIn(this.#said);
    if (found === null) {
      const words = 'That is not valid JSON. Answer again with the JSON alone, without any other text.';
      return { what: 'the answer is not JSON', words };
    }
    const violations = validate(schema, found.value);
    const fitted = violations.length === 0 ? found.value : fitArguments(schema, found.value);
    if (validate(schema, fitted).length > 0) {
      const told = violations.slice(0, TOLD_MAX).map(violationText).join('; ');
      return {
        what: `the answer does not match its schema (${told.slice(0, SAMPLE_CHARACTERS_MAX)})`,
        words: `That JSON does not match the schema: ${told}. Answer again with the corrected JSON alone.`,
      };
    }
    this.#fit(violations.length === 0 ? found.text : JSON.stringify(fitted));
    return null;
  }

  #fit(text: string): void {
    if (text === this.#said) return;
    // Blanks around it are nobody's business.
    if (text !== this.#said.trim()) this.#report('the JSON was taken out of the text around it', text);
    this.#held = [{ type: 'text', text }];
  }

  #release(): void {
    for (const event of this.#held) this.#next(event);
    this.#held = [];
  }

  #report(note: string, after: string): void {
    const before = this.#said.slice(0, SAMPLE_CHARACTERS_MAX);
    this.#context.report({ kind: 'tool-schema', note, before, after: after.slice(0, SAMPLE_CHARACTERS_MAX) });
  }
}

/** The JSON value that a text is, or that stands in a fence in it, or between its outermost brackets. */
function jsonIn(text: string): { readonly text: string; readonly value: unknown } | null {
  const whole = text.trim();
  const fenceAt = whole.indexOf('```');
  const fenceEnd = whole.lastIndexOf('```');
  const fenced = fenceEnd > fenceAt ? whole.slice(fenceAt + 3, fenceEnd).replace(/^[a-z]*\s/i, '') : '';
  const from = whole.search(/[[{]/);
  const to = Math.max(whole.lastIndexOf('}'), whole.lastIndexOf(']'));
  for (const candidate of [whole, fenced.trim(), from < 0 ? '' : whole.slice(from, to + 1)]) {
    const value = candidate === '' ? null : jsonOrNull(candidate);
    if (value !== null) return { text: candidate, value };
  }
  return null;
}
