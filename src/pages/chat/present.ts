/** From turns and models to what the chat shows: every name looked up and every clock read here. Pure. */
import type { ConversationLine } from '#src/chat/conversations.ts';
import type { Shown } from '#src/chat/tree.ts';
import type { ChatSettings, Turn } from '#src/chat/turn.ts';
import { indentedJson } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';
import type { RequestView } from '#src/requests/request.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import type { ContextData } from '#views/chat/composer.tsx';
import type { LineData } from '#views/chat/conversation-list.tsx';
import type { SettingsData } from '#views/chat/settings.tsx';
import type { ThoughtsData, TurnData } from '#views/chat/turn.tsx';
import { waitWords } from '#views/monitor/wait-words.ts';
import { countText, durationText, elapsedText, percentText, pluralText, rateText } from '#views/parts/quantity.tsx';

/** Places for blocks that are made at once, so that a growing answer only fills them. */
const SLOTS_AT_ONCE = 24;
/** Of thoughts under way only the end is sent: all of them, ten times a second, would grow with the square. */
const LIVE_THOUGHTS_CHARACTERS = 3_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** What else is known of a turn. */
export type Beside = {
  readonly safeBlocks: readonly string[];
  /** The request that answers it; null when it is over. */
  readonly view: RequestView | null;
  readonly nameOf: (modelId: string) => string;
  readonly isLast: boolean;
};

/** A turn as it is shown. */
export function turnData(
  { turn, versions, pair }: Shown,
  of: Turn,
  { safeBlocks, view, nameOf, isLast }: Beside,
): TurnData {
  return {
    id: of.id,
    conversationId: of.conversationId,
    role: of.role,
    speaker: speakerOf(of, nameOf),
    state: of.state,
    safeBlocks,
    slots: of.state === 'answering' ? slotsFor(safeBlocks.length) : safeBlocks.length,
    thoughts: thoughtsOf(of),
    images: of.images.length,
    calls: of.calls.map(({ name, arguments: text }) => ({ name, text: indentedJson(text) })),
    trouble: of.trouble,
    status: of.state === 'answering' ? liveWords(view) : figureWords(of),
    versions: { ids: versions, index: versions.indexOf(turn.id) },
    pair: pair.length === 0 ? null : { isChosen: of.id === turn.id },
    isLast,
    requestId: of.role === 'assistant' ? (of.figures?.requestId ?? null) : null,
  };
}

/** How many places a growing answer of so many blocks has. */
export function slotsFor(blocks: number): number {
  return (Math.floor(blocks / SLOTS_AT_ONCE) + 1) * SLOTS_AT_ONCE;
}

/** Thoughts, while they come only their end; null when there are none. */
export function thoughtsOf({ reasoning, state, content, figures }: Turn): ThoughtsData | null {
  if (reasoning === '') return null;
  const isCut = state === 'answering' && reasoning.length > LIVE_THOUGHTS_CHARACTERS;
  return {
    text: isCut ? reasoning.slice(-LIVE_THOUGHTS_CHARACTERS).toWellFormed() : reasoning,
    isCut,
    ms: figures?.thinkingMs ?? null,
    isLive: state === 'answering' && content === '',
  };
}

/** What goes on with the request that answers. */
export function liveWords(view: RequestView | null): string {
  if (view === null) return 'asking';
  switch (view.stage) {
    case 'queued':
    case 'loading':
      return view.wait === null ? 'about to start' : waitWords(view.wait);
    case 'prefilling':
      return view.prefillRatio === null
        ? 'reading the prompt'
        : `reading the prompt, ${percentText(view.prefillRatio)}`;
    default: {
      const tokens = pluralText(view.outputTokens, 'token');
      return view.tokensPerS === null ? tokens : `${tokens} · ${rateText(view.tokensPerS)}`;
    }
  }
}

/** What an answer cost: speed, tokens, time to the first one, what came from the cache. */
function figureWords({ figures }: Turn): string {
  if (figures === null) return '';
  const { tokensPerS, outputTokens, firstTokenMs, inputTokens, cachedTokens, repairs } = figures;
  const cached = cachedTokens ? ` (${countText(cachedTokens)} cached)` : '';
  return [
    tokensPerS === null ? '' : rateText(tokensPerS),
    outputTokens === null ? '' : pluralText(outputTokens, 'token'),
    firstTokenMs === null ? '' : `first after ${elapsedText(firstTokenMs)}`,
    inputTokens === null ? '' : `${countText(inputTokens)} read${cached}`,
    repairs.length === 0 ? '' : `mended: ${repairs.join(', ')}`,
  ]
    .filter((words) => words !== '')
    .join(' · ');
}

/** A model's state in words, with how long it takes to load. */
export function modelWords(model: FleetModel | null): string {
  if (model === null) return '';
  const { state, usualLoadMs } = model;
  switch (state.phase) {
    case 'ready':
      return `Ready, ${countText(state.contextTokens)} tokens of context`;
    case 'starting':
      return state.ratio === null ? 'Loading' : `Loading, ${percentText(state.ratio)}`;
    case 'stopping':
      return 'Being unloaded; it is loaded again when you ask';
    case 'failed':
      return `It did not load: ${state.report.message}`;
    case 'idle':
      return usualLoadMs === null ? 'Loads when you ask' : `Loads in ~${durationText(usualLoadMs / 1000)} when you ask`;
  }
}

/** The settings' form. `models` are those that can talk. */
export function settingsData(
  settings: ChatSettings,
  conversationId: string | null,
  models: readonly Model[],
  modelState: string,
): SettingsData {
  const known = models.map(({ id, name }) => ({ value: id, label: name }));
  const chosen = settings.model;
  const isGone = chosen !== '' && !models.some(({ id }) => id === chosen);
  return {
    conversationId,
    models: [
      { value: '', label: 'Default model' },
      ...known,
      ...(isGone ? [{ value: chosen, label: `${chosen} (gone)` }] : []),
    ],
    model: chosen,
    rival: settings.rival,
    system: settings.system,
    temperature: settings.temperature,
    topP: settings.top_p,
    maxTokens: settings.max_tokens,
    thinking: settings.thinking,
    tools: settings.tools,
    modelState,
  };
}

/** How much of the model's context the shown branch takes, by its last answer; null before there is one. */
export function contextData(turns: readonly Turn[], contextTokens: number | null): ContextData | null {
  const figures = turns.findLast(({ role, figures }) => role === 'assistant' && figures?.inputTokens)?.figures;
  if (!figures?.inputTokens) return null;
  const usedTokens = figures.inputTokens + (figures.outputTokens ?? 0);
  return { usedTokens, cachedTokens: figures.cachedTokens ?? 0, contextTokens };
}

/** A conversation as one line of the list. */
export function lineData({ id, title, isPinned, updatedAtMs }: ConversationLine, nowMs: number): LineData {
  const ageMs = Math.max(0, nowMs - updatedAtMs);
  if (ageMs < MINUTE_MS) return { id, title, isPinned, when: 'just now' };
  return { id, title, isPinned, when: ageMs < DAY_MS ? `${durationText(ageMs / 1000)} ago` : dateOf(updatedAtMs) };
}

function dateOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function speakerOf({ role, modelId }: Turn, nameOf: (modelId: string) => string): string {
  if (role === 'user') return 'You';
  if (role === 'tool') return 'Tool';
  return modelId === null ? 'Model' : nameOf(modelId);
}
