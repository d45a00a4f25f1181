/** The story of one recorded request. Pure. */
import type { RequestRow } from '#src/store/schema.ts';
import { countText, elapsedText, rateText } from '#views/parts/quantity.tsx';
import type { StoryData, StoryPart } from '#views/telemetry/story.tsx';
import { adviceFor, endText } from './advice.ts';
import { momentText } from './present.ts';

export type StorySources = { readonly row: RequestRow; readonly nowMs: number; readonly origin: string };

/** What a reader wants to know of one request. */
export function storyOf({ row, nowMs, origin }: StorySources): StoryData {
  const group = { ...row, count: 1, medianMs: row.durationMs, lowerMs: 0, upperMs: 0, models: [] };
  const source = row.modelId === null ? '' : `&source=${encodeURIComponent(row.modelId)}`;
  return {
    title: `${row.client ?? row.route}, ${momentText(row.startedAtMs, nowMs)}`,
    outcome: row.outcome,
    endText: row.outcome === 'completed' ? null : endText(row.termination),
    error: row.errorMessage,
    advice: row.outcome === 'completed' ? null : adviceFor(group),
    parts: timeline(row),
    facts: facts(row),
    repairs: row.repairs,
    curl: curlOf(row, origin),
    logsHref: `/logs?at=${row.startedAtMs}${source}`,
  };
}

/** Where the time went. What an engine did not tell stays with the answer. */
export function timeline(row: RequestRow): readonly StoryPart[] {
  const { durationMs } = row;
  const queueMs = Math.min(durationMs, row.queueMs ?? 0);
  const loadMs = Math.min(durationMs - queueMs, row.loadMs ?? 0);
  const untilAnswerMs = row.ttftMs === null ? durationMs : Math.min(durationMs, row.ttftMs);
  const promptMs = Math.max(0, untilAnswerMs - queueMs - loadMs);
  const answerMs = Math.max(0, durationMs - queueMs - loadMs - promptMs);
  const part = (kind: StoryPart['kind'], label: string, ms: number): StoryPart => ({
    kind,
    label,
    ratio: durationMs === 0 ? 0 : ms / durationMs,
    text: ms === 0 ? 'none' : elapsedText(ms),
  });
  return [
    part('queue', 'Queue', queueMs),
    part('load', 'Load', loadMs),
    part('prompt', 'Prompt', promptMs),
    part('answer', 'Answer', answerMs),
  ];
}

/** A command that asks in the same way. No key is in it: the shell takes it from the environment. */
export function curlOf({ route, dialect, wantedModel, modelId, isStream }: RequestRow, origin: string): string {
  const model = wantedModel ?? modelId ?? '';
  const body = JSON.stringify(bodyOf(dialect, route, model, isStream));
  return [
    `curl ${quoted(`${origin}${route}`)} \\`,
    `  -H 'content-type: application/json' -H "authorization: Bearer $FLOW_API_KEY" \\`,
    `  -d ${quoted(body)}`,
  ].join('\n');
}

function bodyOf(dialect: string, route: string, model: string, stream: boolean): Record<string, unknown> {
  const text = 'Hello';
  if (dialect === 'responses') return { model, stream, input: text };
  if (/\/(completions|generate)$/.test(route) && !route.endsWith('/chat/completions'))
    return { model, stream, prompt: text };
  if (/embed/.test(route)) return { model, input: text };
  const messages = [{ role: 'user', content: text }];
  return dialect === 'anthropic' ? { model, max_tokens: 512, stream, messages } : { model, stream, messages };
}

function facts(row: RequestRow): StoryData['facts'] {
  const tokens = (count: number | null) => (count === null ? null : countText(count));
  const speed = (value: number | null) => (value === null ? null : rateText(value));
  const pairs: readonly (readonly [string, string | null])[] = [
    ['Took', elapsedText(row.durationMs)],
    ['First token after', row.ttftMs === null ? null : elapsedText(row.ttftMs)],
    ['Model', row.modelId],
    ['Asked for', row.wantedModel === row.modelId ? null : row.wantedModel],
    ['Route', `${row.route}${row.isStream ? ', streamed' : ''}`],
    ['Engine', row.engine === null ? null : [row.engine, row.engineVersion].filter(Boolean).join(' ')],
    ['Input tokens', tokens(row.inputTokens)],
    ['Of them cached', tokens(row.cachedTokens)],
    ['Output tokens', tokens(row.outputTokens)],
    ['Of them thoughts', tokens(row.thinkingTokens)],
    ['Prompt speed', speed(row.prefillTokensPerS)],
    ['Answer speed', speed(row.decodeTokensPerS)],
    ['Ended by', row.finishReason],
    ['Termination', row.termination],
    ['Request', row.requestId],
  ];
  return pairs.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

/** As one word of a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
