/**
 * The thread of the rendering process in which strangers' templates run. It is nobody's but theirs: the process around
 * it has no environment and no files open, and ends when this thread takes too much.
 */
import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { isObject, type JsonObject } from '#src/json.ts';
import { type Outcome, TEXT_CHARS_MAX } from './rendering.ts';
import { joinsMarkup, loopOverNothing } from './syntax-tree.ts';

/** Raised by a template's own `raise_exception`. */
class Refusal extends Error {}

const MESSAGE_CHARS_MAX = 500;
const RANGE_MAX = 1_000_000;
const MOMENT: Readonly<Record<string, string>> = {
  ...{ Y: '2026', y: '26', m: '01', d: '02', e: '2', j: '002', B: 'January', b: 'Jan', A: 'Friday', a: 'Fri' },
  ...{ H: '12', I: '12', M: '34', S: '56', p: 'PM', Z: 'UTC', z: '+0000', F: '2026-01-02', T: '12:34:56' },
};
const GLOBALS = {
  ...{ true: true, false: false, none: null, True: true, False: false, None: null },
  raise_exception: refuse,
  range,
  strftime_now: clock,
};

self.onmessage = ({ data }: MessageEvent<unknown>) => {
  if (isObject(data)) self.postMessage(work(data));
};

function work({ number, template, worlds }: JsonObject): JsonObject {
  try {
    const parsed = new Template(String(template));
    loopOverNothing(parsed.parsed);
    const outcomes = Array.isArray(worlds) ? worlds.map((world) => render(parsed, isObject(world) ? world : {})) : [];
    return { number, kind: 'rendered', outcomes, joinsMarkup: joinsMarkup(parsed.parsed) };
  } catch (cause) {
    return { number, kind: 'syntax', message: wordsOf(cause) };
  }
}

function render(template: Template, world: JsonObject): Outcome {
  try {
    const text = new Interpreter(worldOf(world)).run(template.parsed).toString();
    if (text.length <= TEXT_CHARS_MAX) return { kind: 'text', text };
    return { kind: 'failed', message: `It wrote ${text.length} characters for a conversation of a few words.` };
  } catch (cause) {
    const message = wordsOf(cause);
    return cause instanceof Refusal ? { kind: 'refused', message } : { kind: 'failed', message };
  }
}

/** The package has globals of its own, but a refusal would look like any other error, and time would pass. */
function worldOf(variables: JsonObject): Environment {
  const world = new Environment();
  for (const [name, value] of Object.entries(GLOBALS)) world.set(name, value);
  for (const [name, value] of Object.entries(variables)) world.set(name, value);
  return world;
}

function refuse(message: unknown): never {
  throw new Refusal(String(message));
}

function wordsOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, MESSAGE_CHARS_MAX);
}

function range(from: unknown, to: unknown, step: unknown): readonly number[] {
  const [start, stop] = typeof to === 'number' ? [Number(from), to] : [0, Number(from)];
  const by = typeof step === 'number' && step !== 0 ? step : 1;
  const count = Math.max(0, Math.ceil((stop - start) / by));
  if (!(count <= RANGE_MAX)) throw new Error(`range() of ${count} numbers`);
  return Array.from({ length: count }, (_, index) => start + index * by);
}

/** The same moment every time, so that the same template gets the same verdict. */
function clock(format: unknown): string {
  return String(format).replace(/%-?([a-zA-Z])/g, (_, letter: string) => MOMENT[letter] ?? '');
}
