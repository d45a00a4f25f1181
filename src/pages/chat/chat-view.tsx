/** @jsxImportSource @kitajs/html */
/** The chat's parts, rendered from the present state: for whole pages and, one conversation a topic, for `/live`. */
import type { Answers } from '#src/chat/answers.ts';
import type { ChatChange, Conversations } from '#src/chat/conversations.ts';
import { type Shown, shownBranch } from '#src/chat/tree.ts';
import type { ChatSettings, Turn } from '#src/chat/turn.ts';
import type { Clock } from '#src/clock.ts';
import type { FragmentKey, Fragments, TopicFamily } from '#src/live/feed.ts';
import type { Model } from '#src/models/model.ts';
import type { RequestView } from '#src/requests/request.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import type { ContextData } from '#views/chat/composer.tsx';
import type { ListData } from '#views/chat/conversation-list.tsx';
import type { SettingsData } from '#views/chat/settings.tsx';
import type { Place } from '#views/chat/thread.tsx';
import type { TurnData } from '#views/chat/turn.tsx';
import { GrowingBlocks } from './blocks.ts';
import { ConversationTopic } from './conversation-topic.tsx';
import type { Highlighter } from './highlight.ts';
import { contextData, lineData, modelWords, settingsData, slotsFor, turnData } from './present.ts';

export type ChatSources = {
  readonly conversations: Conversations;
  readonly answers: Answers;
  readonly highlighter: Highlighter;
  readonly models: () => readonly Model[];
  /** The model that a name means, '' = the default; null when it means none. */
  readonly modelOf: (name: string) => Model | null;
  readonly fleetModel: (modelId: string) => FleetModel;
  readonly request: (requestId: string) => RequestView | null;
  readonly clock: Clock;
};

/** The name of the topic of a page without a conversation. */
export const NEW_NAME = 'new';
const LINES_MAX = 60;
const BLOCKS_KEPT_MAX = 400;

/** What pages show of conversations. */
export class ChatView implements TopicFamily {
  readonly sources: ChatSources;
  /** Blocks of answers under way, as far as pages have been told. */
  readonly #growing = new Map<string, GrowingBlocks>();
  /** Blocks of turns that are over. */
  readonly #blocks = new Map<string, readonly string[]>();

  constructor(sources: ChatSources) {
    this.sources = sources;
  }

  /** The topic of a conversation; null when there is no such conversation. */
  open(name: string): Fragments | null {
    if (name === NEW_NAME) return new ConversationTopic(this, null);
    return this.sources.conversations.find(name) === null ? null : new ConversationTopic(this, name);
  }

  /** The keys of a conversation's topic that a change makes stale. Call it for every change. */
  staleKeys(change: ChatChange): readonly FragmentKey[] {
    if (change.kind !== 'turn') return change.kind === 'list' ? [] : ['thread', 'controls'];
    const { turnId } = change;
    const turn = this.sources.answers.live(turnId);
    if (turn === null) {
      this.#growing.delete(turnId);
      return [`turn:${turnId}`, 'controls'];
    }
    const growing = this.#growing.get(turnId);
    const rest = [`status:${turnId}`, `thoughts:${turnId}`, `calls:${turnId}`];
    if (growing === undefined) {
      this.#grow(turn);
      return [`turn:${turnId}`, 'controls'];
    }
    const slots = slotsOf(growing);
    const first = growing.update(turn.content);
    if (slotsOf(growing) !== slots) return [`turn:${turnId}`];
    const count = growing.blocks.length - first;
    return [...Array.from({ length: count }, (_, index) => `block:${turnId}:${first + index}`), ...rest];
  }

  /** The shown branch. */
  places(conversationId: string): readonly Place[] {
    const shown = this.#shown(conversationId);
    return shown.map((one, index) => this.#place(one, index === shown.length - 1));
  }

  /** One shown turn; null when it is not shown. */
  turn(conversationId: string, turnId: string): TurnData | null {
    const shown = this.#shown(conversationId);
    const index = shown.findIndex(({ turn, pair }) => [turn, ...pair].some(({ id }) => id === turnId));
    const found = shown[index];
    if (found === undefined) return null;
    return this.#place(found, index === shown.length - 1).find(({ id }) => id === turnId) ?? null;
  }

  /** Markup of a turn's blocks. */
  blocksOf(turn: Turn): readonly string[] {
    if (turn.state === 'answering') return this.#growing.get(turn.id)?.blocks ?? this.#grow(turn);
    const key = `${turn.id}:${turn.content.length}`;
    const kept = this.#blocks.get(key);
    if (kept) return kept;
    const whole = new GrowingBlocks(this.#colour);
    whole.update(turn.content);
    this.#blocks.set(key, whole.blocks);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= BLOCKS_KEPT_MAX) break;
      this.#blocks.delete(oldest);
    }
    return whole.blocks;
  }

  /** The request that answers a turn; null when it is over or has not begun. */
  requestOf({ figures }: Turn): RequestView | null {
    return figures?.requestId ? this.sources.request(figures.requestId) : null;
  }

  list(currentId: string | null): ListData {
    const lines = this.sources.conversations.list(LINES_MAX + 1);
    return this.#lines(lines, currentId);
  }

  found(words: string): ListData {
    return this.#lines(this.sources.conversations.search(words, LINES_MAX + 1), null);
  }

  settings(conversationId: string | null): SettingsData {
    const settings = this.settingsOf(conversationId);
    return settingsData(settings, conversationId, this.#talkers(), this.modelState(settings));
  }

  settingsOf(conversationId: string | null): ChatSettings {
    const { conversations } = this.sources;
    return conversationId === null ? conversations.defaults : conversations.need(conversationId).settings;
  }

  /** The state of the model that will answer, in words. */
  modelState(settings: ChatSettings): string {
    const model = this.sources.modelOf(settings.model);
    if (model === null) return '';
    const words = modelWords(this.sources.fleetModel(model.id));
    return settings.model === '' ? `${model.name}: ${words}` : words;
  }

  seesImages(settings: ChatSettings): boolean {
    return this.sources.modelOf(settings.model)?.capabilities.vision ?? false;
  }

  /** How full the context is; null before there is an answer to tell by. */
  context(conversationId: string | null): ContextData | null {
    if (conversationId === null) return null;
    const model = this.sources.modelOf(this.settingsOf(conversationId).model);
    const state = model === null ? null : this.sources.fleetModel(model.id).state;
    const turns = this.#shown(conversationId).map(({ turn }) => turn);
    return contextData(turns, state?.phase === 'ready' ? state.contextTokens : null);
  }

  get hasModels(): boolean {
    return this.#talkers().length > 0;
  }

  readonly #colour = (code: string, language: string): string | null => this.sources.highlighter.markup(code, language);

  #talkers(): readonly Model[] {
    return this.sources.models().filter(({ capabilities }) => !capabilities.embedding);
  }

  #lines(lines: ReturnType<Conversations['list']>, currentId: string | null): ListData {
    const nowMs = this.sources.clock.wallMs();
    const shown = lines.slice(0, LINES_MAX).map((line) => lineData(line, nowMs));
    return { lines: shown, currentId, isMore: lines.length > LINES_MAX };
  }

  #shown(conversationId: string): readonly Shown[] {
    const conversation = this.sources.conversations.find(conversationId);
    return conversation === null ? [] : shownBranch(this.sources.answers.turns(conversationId), conversation.leafId);
  }

  #place(shown: Shown, isLast: boolean): Place {
    const turns = shown.pair.length > 0 ? shown.pair : [shown.turn];
    return turns.map((turn) =>
      turnData(shown, turn, {
        safeBlocks: this.blocksOf(turn),
        view: this.requestOf(turn),
        nameOf: (modelId) => this.sources.modelOf(modelId)?.name ?? modelId,
        isLast,
      }),
    );
  }

  #grow(turn: Turn): readonly string[] {
    const growing = new GrowingBlocks(this.#colour);
    growing.update(turn.content);
    this.#growing.set(turn.id, growing);
    return growing.blocks;
  }
}

function slotsOf({ blocks }: GrowingBlocks): number {
  return slotsFor(blocks.length);
}
