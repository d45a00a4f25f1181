/** A model's own settings as sections of a form: what there is, what stands in it, and what a form changes. Pure. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { EFFORTS } from '#src/models/behaviour.ts';
import type { Model } from '#src/models/model.ts';
import type { SettingFieldData, SettingsSectionData } from '#views/models/settings-section.tsx';
import type { FormFields } from './launch-fields.ts';

/** Where a value stands: a field of the configuration, or of one of its parts. `aliases` is a fact of the model. */
type Place = readonly string[];

type Field = {
  readonly place: Place;
  readonly label: string;
  readonly effect: string;
  readonly kind: SettingFieldData['kind'];
  readonly choices?: readonly string[];
  /** What an empty field or an unticked choice stands for. */
  readonly usual?: string;
  readonly step?: number;
};

type Section = {
  readonly name: string;
  readonly title: string;
  readonly note: string;
  readonly fields: readonly Field[];
};

const sampling = (name: string, label: string, effect: string, step = 0.05): Field => ({
  place: ['behaviour', name],
  label,
  effect,
  kind: 'number',
  step,
});
const repair = (name: string, label: string, effect: string): Field => ({
  place: ['behaviour', 'repairs', name],
  label,
  effect,
  kind: 'repair',
});
const budget = (name: string): Field => ({
  place: ['behaviour', 'effort_budgets', name],
  label: `Budget for ${name}`,
  effect: 'Tokens of thought; -1 = without bound.',
  kind: 'number',
  step: 1,
});

const SECTIONS: readonly Section[] = [
  {
    name: 'names',
    title: 'Names',
    note: 'Other names by which it can be asked for.',
    fields: [{ place: ['aliases'], label: 'Aliases', effect: 'One a line.', kind: 'lines' }],
  },
  {
    name: 'staying',
    title: 'Staying loaded',
    note: 'In effect at once.',
    fields: [
      {
        place: ['is_pinned'],
        label: 'Pinned',
        effect: 'Never unloaded, neither by idleness nor to make room.',
        kind: 'switch',
      },
      {
        place: ['cooldown_s'],
        label: 'Unload when idle for',
        effect: 'Seconds; 0 = never, empty = as the general setting says.',
        kind: 'number',
        step: 1,
      },
    ],
  },
  {
    name: 'sampling',
    title: 'Sampling',
    note: 'For requests that do not say it themselves. Empty = as the engine does.',
    fields: [
      sampling('temperature', 'Temperature', 'Higher is more surprising.'),
      sampling('top_p', 'Top-p', 'Only the likeliest words that make up this share.'),
      sampling('top_k', 'Top-k', 'Only so many of the likeliest words; 0 = all.', 1),
      sampling('min_p', 'Min-p', 'Only words at least so likely as the likeliest.'),
      sampling('presence_penalty', 'Presence penalty', 'Against words that were said.', 0.1),
      sampling('frequency_penalty', 'Frequency penalty', 'Against words that were said often.', 0.1),
      sampling('repetition_penalty', 'Repetition penalty', 'Against repetition; 1 = none.'),
      sampling('seed', 'Seed', 'The same seed gives the same answer.', 1),
      sampling('max_tokens', 'Longest answer', 'In tokens.', 1),
    ],
  },
  {
    name: 'thinking',
    title: 'Thinking',
    note: 'For requests that do not say it themselves.',
    fields: [
      {
        place: ['behaviour', 'enable_thinking'],
        label: 'Thinking',
        effect: 'Whether it thinks first.',
        kind: 'either',
      },
      {
        place: ['behaviour', 'preserve_thinking'],
        label: 'Keep thoughts',
        effect: 'Whether thoughts of earlier turns stay in the prompt.',
        kind: 'either',
      },
      {
        place: ['behaviour', 'reasoning_effort'],
        label: 'Effort',
        effect: 'How hard it thinks.',
        kind: 'choice',
        choices: EFFORTS,
      },
      {
        place: ['behaviour', 'thinking_budget_tokens'],
        label: 'Budget',
        effect: 'Tokens of thought; -1 = without bound.',
        kind: 'number',
        step: 1,
      },
      ...['minimal', 'low', 'medium', 'high', 'xhigh'].map(budget),
    ],
  },
  {
    name: 'template',
    title: 'Chat template',
    note: 'A file takes effect at the next load, arguments at once.',
    fields: [
      {
        place: ['launch', 'chat_template_file'],
        label: 'File',
        effect: 'Instead of the template in the model; empty = the model’s own.',
        kind: 'text',
      },
      {
        place: ['behaviour', 'chat_template_kwargs'],
        label: 'Arguments',
        effect: 'A JSON object, handed to the template with every request.',
        kind: 'json',
      },
    ],
  },
  {
    name: 'callers',
    title: 'What callers say',
    note: 'For clients that insist on what this model does not bear.',
    fields: [
      {
        place: ['behaviour', 'forced'],
        label: 'Forced',
        effect: 'A JSON object of parameters that win over the caller.',
        kind: 'json',
      },
      {
        place: ['behaviour', 'stripped'],
        label: 'Left out',
        effect: 'Parameters of the caller that are dropped, one a line.',
        kind: 'lines',
      },
    ],
  },
  {
    name: 'repairs',
    title: 'Repairs',
    note: 'What Flow mends in its answers.',
    fields: [
      repair('leaked_calls', 'Leaked calls', 'Tool calls that came as text become tool calls.'),
      repair('typed_arguments', 'Typed arguments', 'Arguments get the types of the tool’s own schema.'),
      repair('think_tags', 'Stray thoughts', 'Stray <think> tags are sorted out.'),
      repair('duplicate_calls', 'Double calls', 'A call made twice in one answer is made once.'),
      repair('truncated_calls', 'Cut calls', 'A call that was cut off ends the answer as too long.'),
      repair('engine_parser', 'Engine’s parser', 'An answer on which the engine’s own parser fails is recovered.'),
      repair('loop_guard', 'Loop guard', 'An answer that repeats itself without end is stopped.'),
      repair('tool_schemas', 'Tool schemas', 'Schemas the engine’s grammar cannot take are relaxed.'),
      repair('thinking_room', 'Room for thoughts', 'Thinking does not use up the room of the answer.'),
      {
        place: ['behaviour', 'repairs', 'call_formats'],
        label: 'Formats of calls',
        effect: 'The only ones that are looked for in text, one a line; empty = all.',
        kind: 'lines',
      },
    ],
  },
  {
    name: 'variants',
    title: 'Variants',
    note: 'Further names of the same loaded model, each with a behaviour of its own laid over the model’s.',
    fields: [
      {
        place: ['variants'],
        label: 'Variants',
        effect: 'A JSON list, for example [{"name": "precise", "behaviour": {"temperature": 0}}].',
        kind: 'json',
      },
    ],
  },
];

/** What is said in a section after something was done with it. */
export type SectionWords = Pick<SettingsSectionData, 'said' | 'trouble'> & {
  /** What was typed and could not be taken; null = show what is in effect. */
  readonly typed: FormFields | null;
  readonly wrongField: string | null;
};

const NO_WORDS: SectionWords = { said: null, trouble: null, typed: null, wrongField: null };

/** The names of all sections, in their order. */
export const SECTION_NAMES: readonly string[] = SECTIONS.map(({ name }) => name);

/** One section with its values. Throws Fault('not-found') for a name that none has. */
export function settingsSection(model: Model, name: string, words: SectionWords = NO_WORDS): SettingsSectionData {
  const { title, note, fields } = sectionNamed(name);
  const shown = fields.map((field) => fieldData(field, model, words));
  const isOwned = shown.some(({ error }) => error !== null);
  return {
    modelId: model.id,
    name,
    title,
    note,
    chosen: shown.filter(({ isChosen }) => isChosen).length,
    fields: shown,
    said: words.said,
    trouble: isOwned ? null : words.trouble,
  };
}

/**
 * What a section's form changes, as a patch of the configuration in which null takes a field back to its default.
 * Throws Fault('invalid-request') that names the field.
 */
export function readSection(model: Model, name: string, form: FormFields): JsonObject {
  const patch: Record<string, unknown> = {};
  for (const field of sectionNamed(name).fields) {
    const value = form[nameOf(field)];
    if (value !== undefined) put(patch, field.place, readValue(field, value, valueAt(model, field.place)));
  }
  return patch;
}

function sectionNamed(name: string): Section {
  const section = SECTIONS.find((one) => one.name === name);
  if (section) return section;
  throw new Fault('not-found', 'There is no such part of the settings.');
}

/** The field of a form: `behaviour.repairs.loop_guard`. */
function nameOf({ place }: Field): string {
  return place.join('.');
}

function valueAt({ config, aliases }: Model, place: Place): unknown {
  const whole: unknown = { ...config, aliases };
  return place.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), whole);
}

function put(patch: Record<string, unknown>, [key = '', ...rest]: Place, value: unknown): void {
  if (rest.length === 0) {
    patch[key] = value;
    return;
  }
  const inner: Record<string, unknown> = isObject(patch[key]) ? { ...patch[key] } : {};
  put(inner, rest, value);
  patch[key] = inner;
}

function readValue(field: Field, value: unknown, present: unknown): unknown {
  const text = textOf(value).trim();
  switch (field.kind) {
    case 'switch':
      return isOn(value);
    case 'repair':
      return isOn(value) ? null : false;
    case 'either':
      return text === '' ? null : text === 'on';
    case 'lines':
      return linesOf(text, field);
    case 'number':
      return text === '' ? null : numberOf(text, field);
    case 'json':
      return text === '' ? emptied(field, present) : replaced(jsonOf(text, field), present);
    case 'text':
    case 'choice':
      return text === '' ? null : text;
  }
}

function isOn(value: unknown): boolean {
  return Array.isArray(value) ? value.includes('on') : value === 'on';
}

function textOf(value: unknown): string {
  return stringOrNull(Array.isArray(value) ? value.at(-1) : value)?.replaceAll('\r\n', '\n') ?? '';
}

/** Nothing chosen is as if it had never been said, but a model always has a list of aliases. */
function linesOf(text: string, { place }: Field): readonly string[] | null {
  const lines = text.split('\n').flatMap((line) => line.trim() || []);
  return lines.length === 0 && place.length > 1 ? null : lines;
}

function numberOf(text: string, field: Field): number {
  const number = Number(text);
  if (Number.isFinite(number)) return number;
  throw wrong(field, `${field.label} is a number.`);
}

function jsonOf(text: string, field: Field): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong(field, `${field.label} is not valid JSON.`);
  }
}

function emptied({ place }: Field, present: unknown): unknown {
  return place.length === 1 && Array.isArray(present) ? [] : null;
}

/** A patch merges; what a person no longer writes is meant to go. */
function replaced(value: unknown, present: unknown): unknown {
  if (!isObject(value) || !isObject(present)) return value;
  const gone = Object.keys(present).filter((key) => !Object.hasOwn(value, key));
  const kept = Object.entries(value).map(([key, one]) => [key, replaced(one, present[key])] as const);
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...Object.fromEntries(kept) };
}

function wrong(field: Field, message: string): Fault {
  return new Fault('invalid-request', message, { details: { field: nameOf(field) } });
}

function fieldData(field: Field, model: Model, { typed, wrongField, trouble }: SectionWords): SettingFieldData {
  const name = nameOf(field);
  const present = valueAt(model, field.place);
  const said = typed?.[name];
  const isWrong = wrongField !== null && (wrongField === name || wrongField.startsWith(`${name}.`));
  return {
    name,
    label: field.label,
    effect: field.effect,
    kind: field.kind,
    value: said === undefined ? shownValue(field, present) : textOf(said),
    isOn: said === undefined ? (field.kind === 'repair' ? present !== false : present === true) : isOn(said),
    choices: field.choices ?? [],
    step: field.step ?? 'any',
    isChosen: field.kind === 'switch' ? present === true : isChosen(present),
    error: isWrong ? trouble : null,
  };
}

function isChosen(present: unknown): boolean {
  if (Array.isArray(present)) return present.length > 0;
  if (isObject(present)) return Object.keys(present).length > 0;
  return present !== undefined && present !== null;
}

function shownValue({ kind }: Field, present: unknown): string {
  if (present === undefined || present === null) return '';
  if (kind === 'lines') return Array.isArray(present) ? present.join('\n') : '';
  if (kind === 'either') return present === true ? 'on' : 'off';
  if (kind !== 'json') return String(present);
  const isEmpty = Array.isArray(present)
    ? present.length === 0
    : isObject(present) && Object.keys(present).length === 0;
  return isEmpty ? '' : JSON.stringify(present, null, 2);
}
