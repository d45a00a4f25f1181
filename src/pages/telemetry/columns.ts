/** The columns of the table of requests: which there are, and what stands in them. Pure. */
import type { RequestRow } from '#src/store/schema.ts';
import { countText, elapsedText, rateText, tokensText } from '#views/parts/quantity.tsx';
import type { ColumnChoice } from '#views/telemetry/records.tsx';
import { endText } from './advice.ts';

type Column = {
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'number' | 'outcome';
  readonly isUsual: boolean;
  readonly of: (row: RequestRow) => string;
};

const NOTHING = '–';
const WORDS_CHARACTERS_MAX = 160;

const ms = (value: number | null): string => (value === null ? NOTHING : elapsedText(value));
const rate = (value: number | null): string => (value === null ? NOTHING : rateText(value));
const count = (value: number | null): string => (value === null ? NOTHING : countText(value));

const text = (name: string, label: string, isUsual: boolean, of: Column['of']): Column => {
  return { name, label, kind: 'text', isUsual, of };
};
const figure = (name: string, label: string, isUsual: boolean, of: Column['of']): Column => {
  return { name, label, kind: 'number', isUsual, of };
};

/** In the order in which they stand. The time always comes first: it opens the request. */
const COLUMNS: readonly Column[] = [
  text('client', 'Client', true, ({ client }) => client ?? NOTHING),
  text('model', 'Model', true, ({ modelId, wantedModel }) => modelId ?? wantedModel ?? NOTHING),
  { name: 'outcome', label: 'Outcome', kind: 'outcome', isUsual: true, of: whyOf },
  text('route', 'Route', false, ({ route }) => route),
  text('dialect', 'Protocol', false, ({ dialect, isStream }) => `${dialect}${isStream ? ', streamed' : ''}`),
  text('engine', 'Engine', false, ({ engine, engineVersion }) => {
    return engine === null ? NOTHING : [engine, engineVersion].filter(Boolean).join(' ');
  }),
  text('ended', 'Ended by', false, ({ termination }) => (termination === '--' ? NOTHING : endText(termination))),
  text('finish', 'Finish', false, ({ finishReason }) => finishReason ?? NOTHING),
  text('repairs', 'Mended', false, ({ repairs }) => repairs.join('; ').slice(0, WORDS_CHARACTERS_MAX) || NOTHING),
  figure('queue', 'Queue', false, ({ queueMs }) => ms(queueMs)),
  figure('load', 'Load', false, ({ loadMs }) => ms(loadMs)),
  figure('ttft', 'First token', true, ({ ttftMs }) => ms(ttftMs)),
  figure('prefill', 'Prompt speed', false, ({ prefillTokensPerS }) => rate(prefillTokensPerS)),
  figure('speed', 'Speed', true, ({ decodeTokensPerS }) => rate(decodeTokensPerS)),
  figure('input', 'Input', true, inputText),
  figure('output', 'Output', true, ({ outputTokens }) => count(outputTokens)),
  figure('thinking', 'Thoughts', false, ({ thinkingTokens }) => count(thinkingTokens)),
  figure('took', 'Took', true, ({ durationMs }) => elapsedText(durationMs)),
];

const COLUMN_NAMES: readonly string[] = COLUMNS.map(({ name }) => name);

/** Names out of an address, in the table's own order; null when none of them is a column, or all are the usual ones. */
export function chosenColumns(names: readonly string[]): readonly string[] | null {
  const chosen = COLUMN_NAMES.filter((name) => names.includes(name));
  const isUsual = COLUMNS.every(({ name, isUsual: isOne }) => chosen.includes(name) === isOne);
  return chosen.length === 0 || isUsual ? null : chosen;
}

/** All columns, with those that are shown marked. */
export function columnChoices(chosen: readonly string[] | null): readonly ColumnChoice[] {
  return COLUMNS.map(({ name, label, kind, isUsual }) => {
    return { name, label, kind, isShown: chosen === null ? isUsual : chosen.includes(name) };
  });
}

/** What stands in the shown columns of a row; for an outcome why it was no completion. */
export function cellsOf(row: RequestRow, chosen: readonly string[] | null): readonly string[] {
  const isShown = ({ name, isUsual }: Column) => (chosen === null ? isUsual : chosen.includes(name));
  return COLUMNS.filter(isShown).map(({ of }) => of(row));
}

function inputText({ inputTokens, cachedTokens }: RequestRow): string {
  if (inputTokens === null) return NOTHING;
  const cached = cachedTokens !== null && cachedTokens > 0 ? ` (${tokensText(cachedTokens)} cached)` : '';
  return `${tokensText(inputTokens)}${cached}`;
}

function whyOf({ errorMessage, termination, outcome }: RequestRow): string {
  if (outcome === 'completed') return '';
  if (outcome === 'failed' && errorMessage) return errorMessage.slice(0, WORDS_CHARACTERS_MAX);
  return `by ${endText(termination)}`;
}
