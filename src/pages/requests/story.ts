/** The story of one request, from what is known of it. Pure. */
import type { Moment, MomentLine } from '#src/logs/moment.ts';
import type { Behaviour } from '#src/models/behaviour.ts';
import { ansiSpans } from '#src/pages/logs/ansi.ts';
import { momentText } from '#src/pages/telemetry/present.ts';
import { type RequestAccount, type Stretch, stretchesOf } from '#src/requests/account.ts';
import type { RecordedRepair } from '#src/requests/repair-log.ts';
import type { ParameterSource } from '#src/requests/request.ts';
import { waitWords } from '#views/monitor/wait-words.ts';
import { countText, elapsedText, percentText, rateText, tokensText } from '#views/parts/quantity.tsx';
import type { ExcerptLine, LogExcerptData } from '#views/requests/log-excerpt.tsx';
import type { ParameterData } from '#views/requests/parameters.tsx';
import type { Fact, MendedData, StoryData, StoryPart } from '#views/requests/story.tsx';
import { curlOf } from './curl.ts';
import { endWords, helpFor } from './ending.ts';

export type StorySources = {
  readonly account: RequestAccount;
  /** In the order in which it was done. */
  readonly mended: readonly RecordedRepair[];
  readonly moment: Moment;
  readonly chat: StoryData['chat'];
  /** What its model was set up by; null = no preset. */
  readonly preset: ChosenPreset | null;
  readonly nowMs: number;
  /** Where the reader found Flow. */
  readonly origin: string;
};

/** A preset as far as it explains a value. */
export type ChosenPreset = { readonly name: string; readonly behaviour: Behaviour };

const LABELS: { readonly [Kind in Stretch['kind']]: string } = {
  queued: 'Queued',
  load: 'Load',
  prefill: 'Prefill',
  generate: 'Generate',
};
const DIALECTS: Readonly<Record<string, string>> = {
  chat: 'OpenAI',
  anthropic: 'Anthropic',
  responses: 'OpenAI Responses',
  ollama: 'Ollama',
};
const CHOSEN_BY: { readonly [Source in ParameterSource]: string } = {
  caller: 'the caller',
  model: 'the model’s settings',
  variant: 'the variant’s settings',
  forced: 'the model’s settings, over the caller',
  flow: 'Flow',
};
/** Whole numbers of tokens; all others are shown as they were written. */
const TOKEN_COUNTS: ReadonlySet<string> = new Set(['max_tokens', 'thinking_budget_tokens']);
const LINE_CHARACTERS_MAX = 600;

/** What a reader wants to know of one request. */
export function storyOf({ account, mended, moment, chat, preset, nowMs, origin }: StorySources): StoryData {
  const { requestId, client, route, stage, startedAtMs, error } = account;
  return {
    requestId,
    title: `${client ?? route}, ${momentText(startedAtMs, nowMs)}`,
    stage,
    isRunning: account.endedAtMs === null,
    now: nowWords(account),
    error: error?.message || null,
    help: helpFor(account),
    tookText: timeText(account.durationMs),
    parts: partsOf(account),
    facts: factsOf(account, nowMs),
    tokens: tokensOf(account),
    parameters: parametersOf(account, preset),
    mended: mendedOf(account, mended),
    curl: curlOf(account, origin),
    log: excerptOf(moment, account),
    chat,
  };
}

function partsOf(account: RequestAccount): readonly StoryPart[] {
  const { durationMs } = account;
  return stretchesOf(account).map(({ kind, ms }) => ({
    kind,
    label: LABELS[kind],
    ratio: durationMs === 0 ? 0 : ms / durationMs,
    text: ms === 0 ? 'none' : timeText(ms),
  }));
}

/** What it waits for, how far it is, or who ended it. */
function nowWords(account: RequestAccount): string | null {
  const { stage, wait, prefillRatio, inputTokens, outputTokens, decodeTokensPerS } = account;
  switch (stage) {
    case 'queued':
    case 'loading':
      return wait === null ? 'about to start' : waitWords(wait);
    case 'prefilling':
      if (prefillRatio === null || inputTokens === null) return 'the prompt is read';
      return `${percentText(prefillRatio)} of ${tokensText(inputTokens)} read`;
    case 'generating':
    case 'sending': {
      const speed = decodeTokensPerS === null ? '' : `, ${rateText(decodeTokensPerS)}`;
      return outputTokens ? `${countText(outputTokens)} tokens${speed}` : null;
    }
    default:
      return endWords(account);
  }
}

function factsOf(account: RequestAccount, nowMs: number): readonly Fact[] {
  const { modelId, wantedModel, route, dialect, isStream, engine, engineVersion, startedAtMs, endedAtMs } = account;
  return told([
    ['Client', account.client],
    ['Model', modelId],
    ['Asked for', wantedModel === modelId ? null : wantedModel],
    ['Protocol', `${DIALECTS[dialect] ?? dialect}, ${isStream ? 'streamed' : 'in one piece'}`],
    ['Route', route],
    ['Engine', engine === null ? null : [engine, engineVersion].filter(Boolean).join(' ')],
    ['Began', momentText(startedAtMs, nowMs)],
    ['Ended', endedAtMs === null ? null : momentText(endedAtMs, nowMs)],
    ['Finish reason', account.finishReason],
    ['Termination', account.termination === '--' ? null : account.termination],
    ['Kind of failure', account.error?.kind ?? null],
  ]);
}

function tokensOf(account: RequestAccount): readonly Fact[] {
  const { inputTokens, cachedTokens, outputTokens, thinkingTokens, ttftMs } = account;
  const share = inputTokens && cachedTokens ? ` (${percentText(cachedTokens / inputTokens)})` : '';
  return told([
    ['Prompt', counted(inputTokens)],
    ['Of it cached', cachedTokens === null ? null : `${countText(cachedTokens)}${share}`],
    ['Output', counted(outputTokens)],
    ['Of it thoughts', counted(thinkingTokens)],
    ['First token after', ttftMs === null ? null : timeText(ttftMs)],
    ['Prompt speed', account.prefillTokensPerS === null ? null : rateText(account.prefillTokensPerS)],
    ['Answer speed', account.decodeTokensPerS === null ? null : rateText(account.decodeTokensPerS)],
  ]);
}

function parametersOf({ parameters }: RequestAccount, preset: ChosenPreset | null): readonly ParameterData[] | null {
  if (parameters === null) return null;
  const ofPreset: Readonly<Record<string, unknown>> = { ...preset?.behaviour, ...preset?.behaviour.forced };
  return Object.entries(parameters).map(([name, [value, source]]) => {
    const isOfPreset = (source === 'model' || source === 'forced') && ofPreset[behaviourName(name)] === value;
    const from = isOfPreset ? `${CHOSEN_BY[source]}, by the preset ${preset?.name}` : CHOSEN_BY[source];
    return { name, value: valueText(name, value), from };
  });
}

/** Behaviour has other words for one thing. */
function behaviourName(name: string): string {
  return name === 'thinking' ? 'enable_thinking' : name;
}

function valueText(name: string, value: number | boolean | string): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'number' && TOKEN_COUNTS.has(name) ? countText(value) : String(value);
}

/** Notes of which no use was recorded are of the request, not of the answer. */
function mendedOf({ repairs }: RequestAccount, mended: readonly RecordedRepair[]): readonly MendedData[] {
  const used = new Set(mended.map(({ note }) => note));
  const others = repairs.filter((note) => !used.has(note)).map((note) => ({ note, before: null, after: null }));
  return [...others, ...mended.map(({ note, before, after }) => ({ note, before, after }))];
}

function excerptOf({ first, left, last }: Moment, { modelId, startedAtMs }: RequestAccount): LogExcerptData {
  const source = modelId === null ? '' : `&source=${encodeURIComponent(modelId)}`;
  return { first: first.map(excerptLine), left, last: last.map(excerptLine), href: `/logs?at=${startedAtMs}${source}` };
}

function excerptLine({ atMs, source, level, text }: MomentLine): ExcerptLine {
  const time = new Date(atMs);
  const plain = ansiSpans(text.slice(0, LINE_CHARACTERS_MAX)).map((span) => span.text);
  return {
    timeText: `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`,
    source: source === 'flow' ? 'Flow' : source,
    level,
    text: plain.join(''),
  };
}

function told(pairs: readonly (readonly [string, string | null])[]): readonly Fact[] {
  return pairs.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

function counted(tokens: number | null): string | null {
  return tokens === null ? null : countText(tokens);
}

function timeText(ms: number): string {
  return ms < 1 ? 'under 1 ms' : elapsedText(ms);
}
