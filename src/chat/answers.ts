/**
 * Answers under way. An answer belongs to its conversation and not to the page that asked for it: it goes on when the
 * page is closed, is stored as it comes, and every page that looks at it sees the same.
 */
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { FrameReader } from '#src/stream/frames.ts';
import type { Conversations, NewTurn, TurnPatch } from './conversations.ts';
import { RawExchanges } from './raw-exchanges.ts';
import { requestBody } from './request-body.ts';
import { AnswerReading, refusalOf } from './stream-reading.ts';
import { leafBelow, pathTo } from './tree.ts';
import { type AnswerFigures, NO_FIGURES, type Trouble, type Turn } from './turn.ts';
import { CHAT_CLIENT } from './turn-of-request.ts';

export type AnswersParts = {
  readonly conversations: Conversations;
  /** Flow's own front door, behind its guard: an answer is asked for as by any other client. */
  readonly ask: (request: Request) => Promise<Response>;
  /** What the request's own record says; null when it is not known any more. */
  readonly figuresOf: (requestId: string) => Partial<AnswerFigures> | null;
  readonly clock: Clock;
};

/** What a person says. */
export type Question = { readonly text: string; readonly images: readonly string[] };

/** Seen by people, so told at most so often. */
const TELL_INTERVAL_MS = 80;
const SAVE_INTERVAL_MS = 1_000;
/** Told to servers that ask who asks. */

type Live = {
  turn: Turn;
  readonly controller: AbortController;
  /** What stood there before it was gone on with. */
  readonly before: Pick<Turn, 'content' | 'reasoning'>;
  finished: Promise<void>;
};

/** Owns the answers that are under way. To be closed before the database is. */
export class Answers {
  /** The last requests and responses, as sent and received. */
  readonly raw = new RawExchanges();
  readonly #parts: AnswersParts;
  readonly #live = new Map<string, Live>();

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  /** The answer as far as it has come; null when it is not under way. */
  live(turnId: string): Turn | null {
    return this.#live.get(turnId)?.turn ?? null;
  }

  /** The turns of a conversation, each as far as it has come. */
  turns(conversationId: string): readonly Turn[] {
    return this.#parts.conversations.turns(conversationId).map((turn) => this.live(turn.id) ?? turn);
  }

  /** Which turn a request of the gateway answers; null when none. */
  turnOf(requestId: string): Turn | null {
    for (const { turn } of this.#live.values()) if (turn.figures?.requestId === requestId) return turn;
    return null;
  }

  /** Whether something is being answered there. */
  isAnswering(conversationId: string): boolean {
    return this.#of(conversationId).length > 0;
  }

  /** Puts a question at the end of the branch that is shown. Throws Fault('conflict') while another is answered. */
  ask(conversationId: string, { text, images }: Question): void {
    const { leafId } = this.#idle(conversationId);
    if (text.trim() === '' && images.length === 0) throw new Fault('invalid-request', 'The question is empty.');
    const question = this.#parts.conversations.addTurn({
      ...blank(conversationId, leafId, 'user'),
      content: text,
      images,
    });
    this.#answer(conversationId, question.id);
  }

  /** Answers the question before this turn once more. Throws as `ask`. */
  again(conversationId: string, turnId: string): void {
    this.#idle(conversationId);
    const turn = this.#parts.conversations.needTurn(conversationId, turnId);
    const questionId = turn.role === 'assistant' ? turn.parentId : turn.id;
    if (questionId === null) throw new Fault('conflict', 'There is no question before this answer.');
    this.#answer(conversationId, questionId);
  }

  /** Asks a question otherwise; the first wording stays as another version. Throws as `ask`. */
  edit(conversationId: string, turnId: string, text: string): void {
    this.#idle(conversationId);
    const { role, parentId, images } = this.#parts.conversations.needTurn(conversationId, turnId);
    if (role !== 'user') throw new Fault('conflict', 'Only questions can be changed.');
    if (text.trim() === '' && images.length === 0) throw new Fault('invalid-request', 'The question is empty.');
    const turn = { ...blank(conversationId, parentId, role), content: text, images };
    this.#answer(conversationId, this.#parts.conversations.addTurn(turn).id);
  }

  /** Says what a called tool would have said. Throws as `ask`. */
  tellResult(conversationId: string, turnId: string, text: string): void {
    this.#idle(conversationId);
    const { calls } = this.#parts.conversations.needTurn(conversationId, turnId);
    if (calls.length === 0) throw new Fault('conflict', 'That answer called no tool.');
    const turn = { ...blank(conversationId, turnId, 'tool'), content: text };
    this.#answer(conversationId, this.#parts.conversations.addTurn(turn).id);
  }

  /** Goes on with an answer that was cut off. Throws as `ask`. */
  goOn(conversationId: string, turnId: string): void {
    this.#idle(conversationId);
    const turn = this.#parts.conversations.needTurn(conversationId, turnId);
    if (turn.role !== 'assistant' || turn.content === '')
      throw new Fault('conflict', 'There is nothing to go on with.');
    const branch = pathTo(this.#parts.conversations.turns(conversationId), turnId);
    this.#run({ ...turn, state: 'answering', trouble: null }, branch);
    this.#parts.conversations.tell({ kind: 'turn', conversationId, turnId });
  }

  /** Shows the branch that another version begins. */
  choose(conversationId: string, turnId: string): void {
    const { conversations } = this.#parts;
    conversations.needTurn(conversationId, turnId);
    conversations.show(conversationId, leafBelow(conversations.turns(conversationId), turnId));
  }

  /** Ends what is being answered there; the words so far stay. False when nothing is. */
  async stop(conversationId: string): Promise<boolean> {
    const stopped = this.#of(conversationId);
    for (const { controller } of stopped) controller.abort();
    await Promise.all(stopped.map(({ finished }) => finished));
    return stopped.length > 0;
  }

  /** Ends everything and stores it. */
  async close(): Promise<void> {
    const all = [...this.#live.values()];
    for (const { controller } of all) controller.abort();
    await Promise.all(all.map(({ finished }) => finished));
  }

  #of(conversationId: string): readonly Live[] {
    return [...this.#live.values()].filter(({ turn }) => turn.conversationId === conversationId);
  }

  #idle(conversationId: string) {
    const conversation = this.#parts.conversations.need(conversationId);
    if (!this.isAnswering(conversationId)) return conversation;
    throw new Fault('conflict', 'An answer is still being written.', { hint: 'Stop it first, or wait for its end.' });
  }

  /** One answer by the conversation's model; with a rival one by each. */
  #answer(conversationId: string, questionId: string): void {
    const { conversations } = this.#parts;
    const { settings } = conversations.need(conversationId);
    const branch = pathTo(conversations.turns(conversationId), questionId);
    const models = settings.rival === '' ? [settings.model] : [settings.model, settings.rival];
    const pairId = models.length > 1 ? crypto.randomUUID() : null;
    const made = models.map((modelId) =>
      conversations.addTurn({
        ...blank(conversationId, questionId, 'assistant'),
        modelId: modelId === '' ? null : modelId,
        pairId,
        state: 'answering',
        figures: NO_FIGURES,
      }),
    );
    for (const turn of made) this.#run(turn, branch);
    // The first of a pair is the one that the next question follows, until the other is chosen.
    if (made[0]) conversations.show(conversationId, made[0].id);
  }

  #run(turn: Turn, branch: readonly Turn[]): void {
    const live: Live = { turn, controller: new AbortController(), before: turn, finished: Promise.resolve() };
    this.#live.set(turn.id, live);
    live.finished = this.#carry(live, branch);
  }

  /** One answer from its request to its end; never rejects. */
  async #carry(live: Live, branch: readonly Turn[]): Promise<void> {
    const reading = new AnswerReading();
    const { clock, conversations } = this.#parts;
    const pace = new Pace(live, reading, this.#parts);
    let trouble: Trouble | null = null;
    try {
      using _telling = clock.every(TELL_INTERVAL_MS, () => pace.tell());
      using _saving = clock.every(SAVE_INTERVAL_MS, () => pace.save());
      trouble = await this.#read(live, branch, pace);
    } catch (cause) {
      const isFault = cause instanceof Fault;
      trouble = {
        message: isFault ? cause.message : 'The connection to the answer broke.',
        hint: isFault ? cause.hint : null,
      };
    }
    const isStopped = live.controller.signal.aborted;
    const ended = { ...pace.turn(), state: endOf(isStopped, trouble), trouble: isStopped ? null : trouble };
    this.#live.delete(live.turn.id);
    const { content, reasoning, calls, modelId, state, figures } = ended;
    keep(conversations, ended.id, { content, reasoning, calls, modelId, state, figures, trouble: ended.trouble });
    conversations.tell({ kind: 'turn', conversationId: ended.conversationId, turnId: ended.id });
  }

  /** What kept the answer from being whole; null when nothing did. */
  async #read(live: Live, branch: readonly Turn[], pace: Pace): Promise<Trouble | null> {
    const { settings } = this.#parts.conversations.need(live.turn.conversationId);
    const body = JSON.stringify(requestBody(branch, settings, live.turn.modelId ?? ''));
    this.raw.begin(live.turn.id, body);
    const { signal } = live.controller;
    const headers = { 'content-type': 'application/json', 'user-agent': CHAT_CLIENT };
    const request = new Request('http://127.0.0.1/v1/chat/completions', { method: 'POST', headers, body, signal });
    const response = await this.#parts.ask(request);
    pace.begun(response.headers.get('x-request-id'), response.headers.get('x-flow-model'));
    if (response.status !== 200 || response.body === null) {
      const text = await response.text();
      this.raw.add(live.turn.id, text);
      return refusalOf(text, response.status);
    }
    const frames = new FrameReader();
    const decoder = new TextDecoder();
    const source = response.body.getReader();
    signal.addEventListener('abort', () => void source.cancel().catch(() => {}));
    for (;;) {
      const { done, value } = await source.read();
      const complete = done ? frames.end() : frames.push(value);
      for (const { data } of complete) pace.read(data);
      if (done) break;
      this.raw.add(live.turn.id, decoder.decode(value, { stream: true }));
    }
    return pace.trouble;
  }
}

/** Joins what is read to the turn that people see, at their pace. */
class Pace {
  readonly #live: Live;
  readonly #reading: AnswerReading;
  readonly #parts: AnswersParts;
  #hasNews = false;
  #isUnsaved = false;
  #firstThoughtMs: number | null = null;
  #lastThoughtMs = 0;

  constructor(live: Live, reading: AnswerReading, parts: AnswersParts) {
    this.#live = live;
    this.#reading = reading;
    this.#parts = parts;
  }

  get trouble(): Trouble | null {
    const { trouble, finishReason } = this.#reading;
    if (trouble !== null) return trouble;
    if (finishReason === 'length') return { message: 'The answer reached the limit of tokens.', hint: null };
    return finishReason === null ? { message: 'The answer ended before it was complete.', hint: null } : null;
  }

  begun(requestId: string | null, modelId: string | null): void {
    const { turn } = this.#live;
    const figures = { ...(turn.figures ?? NO_FIGURES), requestId };
    this.#live.turn = { ...turn, modelId: modelId ?? turn.modelId, figures };
    this.#hasNews = true;
  }

  read(data: string): void {
    const thoughtBefore = this.#reading.reasoning.length;
    this.#reading.read(data);
    this.#hasNews = true;
    this.#isUnsaved = true;
    if (this.#reading.reasoning.length === thoughtBefore) return;
    this.#lastThoughtMs = this.#parts.clock.monotonicMs();
    this.#firstThoughtMs ??= this.#lastThoughtMs;
  }

  /** The turn as it is now. */
  turn(): Turn {
    const { turn, before } = this.#live;
    const { content, reasoning, calls } = this.#reading;
    const words = { content: before.content + content, reasoning: before.reasoning + reasoning };
    this.#live.turn = { ...turn, ...words, calls: [...calls], figures: this.#figures() };
    return this.#live.turn;
  }

  tell(): void {
    if (!this.#hasNews) return;
    this.#hasNews = false;
    const { id, conversationId } = this.turn();
    this.#parts.conversations.tell({ kind: 'turn', conversationId, turnId: id });
  }

  save(): void {
    if (!this.#isUnsaved) return;
    this.#isUnsaved = false;
    const { id, content, reasoning, calls, figures } = this.turn();
    keep(this.#parts.conversations, id, { content, reasoning, calls, figures });
  }

  #figures(): AnswerFigures {
    const { inputTokens, cachedTokens, outputTokens, finishReason } = this.#reading;
    const held = this.#live.turn.figures ?? NO_FIGURES;
    const recorded = held.requestId === null ? null : this.#parts.figuresOf(held.requestId);
    const known = { ...held, ...recorded };
    return {
      ...known,
      inputTokens: inputTokens ?? known.inputTokens,
      cachedTokens: cachedTokens ?? known.cachedTokens,
      outputTokens: outputTokens ?? known.outputTokens,
      thinkingMs: this.#firstThoughtMs === null ? null : this.#lastThoughtMs - this.#firstThoughtMs,
      finishReason,
    };
  }
}

/** A full or locked disk does not end an answer: it is tried again with the next words. */
function keep(conversations: Conversations, turnId: string, patch: TurnPatch): void {
  try {
    conversations.saveTurn(turnId, patch);
  } catch {
    // The store's own trouble is told by whoever watches it.
  }
}

function endOf(isStopped: boolean, trouble: Trouble | null): Turn['state'] {
  if (isStopped) return 'stopped';
  return trouble === null ? 'done' : 'failed';
}

function blank(conversationId: string, parentId: string | null, role: Turn['role']): NewTurn {
  return {
    ...{ conversationId, parentId, role, content: '', reasoning: '', images: [], calls: [] },
    ...{ modelId: null, pairId: null, state: 'done', trouble: null, figures: null },
  };
}
