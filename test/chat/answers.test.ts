/**
 * Conversations in a real database, answered by a made-up front door that is held and let go. Real models: test/e2e.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { Answers } from '#src/chat/answers.ts';
import { type ChatChange, Conversations } from '#src/chat/conversations.ts';
import { shownBranch } from '#src/chat/tree.ts';
import { PLAIN_SETTINGS, type Turn } from '#src/chat/turn.ts';
import { systemClock } from '#src/clock.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { waitUntil } from '../support/wait-until.ts';

type Asked = {
  readonly body: { messages: { role: string; content: unknown; tool_call_id?: string }[]; model?: string };
  send(text: string): void;
  end(): void;
  signal: AbortSignal;
};

let store: Store;
let conversations: Conversations;
let answers: Answers;
let asked: Asked[];
let changes: ChatChange[];
let refusal: Response | null;

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ delta, finish_reason: finish }] })}\n\n`;
const last = (): Asked => {
  const one = asked.at(-1);
  if (!one) throw new Error('Nothing was asked.');
  return one;
};
const whole = (text: string): void => {
  last().send(chunk({ content: text }) + chunk({}, 'stop'));
  last().end();
};
const branch = (id: string): readonly Turn[] =>
  shownBranch(answers.turns(id), conversations.need(id).leafId).map(({ turn }) => turn);
const words = (id: string) => branch(id).map(({ content }) => content);
const idle = (id: string) => waitUntil('the end of the answer', () => !answers.isAnswering(id));
const askedTimes = (count: number) => waitUntil('the request', () => asked.length === count);

beforeEach(() => {
  store = openStore(':memory:');
  conversations = new Conversations({ store, clock: systemClock });
  asked = [];
  changes = [];
  refusal = null;
  conversations.subscribe((change) => void changes.push(change));
  answers = new Answers({ conversations, ask: door, figuresOf: () => ({ tokensPerS: 40 }), clock: systemClock });
});
afterEach(async () => {
  await answers.close();
  store.$client.close();
});

async function door(request: Request): Promise<Response> {
  if (refusal) return refusal;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  asked.push({
    body: await request.json(),
    send: (text) => void writer.write(new TextEncoder().encode(text)).catch(() => {}),
    end: () => void writer.close().catch(() => {}),
    signal: request.signal,
  });
  return new Response(readable, { headers: { 'x-request-id': 'aaa', 'x-flow-model': 'gemma' } });
}

async function started(question = 'Hello'): Promise<string> {
  const { id } = conversations.create(PLAIN_SETTINGS, question);
  answers.ask(id, { text: question, images: [] });
  await askedTimes(asked.length + 1);
  return id;
}

describe('an answer', () => {
  test('is told as it comes, stored before it ends, and says who gave it and how fast', async () => {
    const id = await started();
    last().send(chunk({ reasoning_content: 'hm' }) + chunk({ content: 'Half' }));
    await waitUntil('half of it', () => words(id)[1] === 'Half');
    expect(changes.some(({ kind }) => kind === 'turn')).toBe(true);
    await waitUntil('half of it on the disk', () => conversations.turns(id)[1]?.content === 'Half');
    last().send(chunk({ content: ' and whole' }) + chunk({}, 'stop'));
    last().end();
    await idle(id);
    expect(conversations.turns(id)[1]).toMatchObject({
      ...{ content: 'Half and whole', reasoning: 'hm', state: 'done', modelId: 'gemma', trouble: null },
      figures: { requestId: 'aaa', tokensPerS: 40, finishReason: 'stop' },
    });
    expect(answers.raw.find(branch(id)[1]?.id ?? '')?.response).toContain('Half');
  });

  test('that is stopped keeps its words, and whoever asks another question meanwhile is refused', async () => {
    const id = await started();
    last().send(chunk({ content: 'Round and' }));
    await waitUntil('words', () => words(id)[1] === 'Round and');
    expect(() => answers.ask(id, { text: 'Again?', images: [] })).toThrow('still being written');
    expect(await answers.stop(id)).toBe(true);
    expect(last().signal.aborted).toBe(true);
    expect(branch(id)[1]).toMatchObject({ content: 'Round and', state: 'stopped', trouble: null });
    expect(await answers.stop(id)).toBe(false);
  });

  test('that is refused, or ends with an error, or with nothing, says why and keeps what there is', async () => {
    refusal = Response.json({ error: { message: 'There is no model x.', hint: 'Try y.' } }, { status: 404 });
    const { id } = conversations.create(PLAIN_SETTINGS, 'q');
    answers.ask(id, { text: 'q', images: [] });
    await idle(id);
    expect(branch(id)[1]).toMatchObject({
      state: 'failed',
      trouble: { message: 'There is no model x.', hint: 'Try y.' },
    });
    refusal = null;
    answers.again(id, branch(id)[1]?.id ?? '');
    await askedTimes(1);
    last().send(`${chunk({ content: 'Some' })}data: {"error":{"message":"It died."}}\n\n`);
    last().end();
    await idle(id);
    expect(branch(id)[1]).toMatchObject({ content: 'Some', state: 'failed', trouble: { message: 'It died.' } });
    answers.goOn(id, branch(id)[1]?.id ?? '');
    await askedTimes(2);
    expect(last().body.messages.at(-1)).toEqual({ role: 'assistant', content: 'Some' });
    whole(' more');
    await idle(id);
    expect(branch(id)[1]).toMatchObject({ content: 'Some more', state: 'done', trouble: null });
    answers.again(id, branch(id)[1]?.id ?? '');
    await askedTimes(3);
    last().end();
    await idle(id);
    expect(branch(id)[1]?.trouble?.message).toContain('before it was complete');
  });

  test('that Flow did not live to see the end of is said to be unfinished', async () => {
    const id = await started();
    conversations.saveTurn(branch(id)[1]?.id ?? '', { content: 'Half' });
    new Conversations({ store, clock: systemClock }).closeUnfinished();
    expect(conversations.turns(id)[1]).toMatchObject({ content: 'Half', state: 'failed' });
  });
});

describe('versions', () => {
  test('an answer asked for again stands beside the first, and each can be chosen with what followed it', async () => {
    const id = await started();
    whole('First');
    await idle(id);
    const [, first] = branch(id);
    answers.ask(id, { text: 'And then?', images: [] });
    await askedTimes(2);
    whole('Then');
    await idle(id);
    answers.again(id, first?.id ?? '');
    await askedTimes(3);
    whole('Second');
    await idle(id);
    expect(words(id)).toEqual(['Hello', 'Second']);
    answers.choose(id, first?.id ?? '');
    expect(words(id)).toEqual(['Hello', 'First', 'And then?', 'Then']);
    const [question] = branch(id);
    answers.edit(id, question?.id ?? '', 'Good morning');
    await askedTimes(4);
    expect(last().body.messages).toEqual([{ role: 'user', content: 'Good morning' }]);
    whole('Morning');
    await idle(id);
    expect(words(id)).toEqual(['Good morning', 'Morning']);
  });

  test('two models answer side by side, and the next question follows the chosen one', async () => {
    const { id } = conversations.create({ ...PLAIN_SETTINGS, model: 'a', rival: 'b' }, 'q');
    answers.ask(id, { text: 'q', images: [] });
    await askedTimes(2);
    expect(asked.map(({ body }) => body.model)).toEqual(['a', 'b']);
    for (const [index, one] of asked.entries()) {
      one.send(chunk({ content: `answer ${index}` }) + chunk({}, 'stop'));
      one.end();
    }
    await idle(id);
    const pair = shownBranch(answers.turns(id), conversations.need(id).leafId)[1]?.pair ?? [];
    expect(pair.map(({ content }) => content)).toEqual(['answer 0', 'answer 1']);
    expect(words(id)).toEqual(['q', 'answer 0']);
    answers.choose(id, pair[1]?.id ?? '');
    answers.ask(id, { text: 'next', images: [] });
    await askedTimes(4);
    expect(last().body.messages.map(({ content }) => content)).toEqual(['q', 'answer 1', 'next']);
  });

  test('what a tool would have said goes back to the model', async () => {
    const id = await started();
    const call = { index: 0, id: 'c1', function: { name: 'shell_command', arguments: '{"command":"ls"}' } };
    last().send(chunk({ tool_calls: [call] }) + chunk({}, 'tool_calls'));
    last().end();
    await idle(id);
    answers.tellResult(id, branch(id)[1]?.id ?? '', 'a.txt');
    await askedTimes(2);
    expect(last().body.messages.at(-1)).toEqual({
      role: 'tool',
      content: 'a.txt',
      tool_call_id: 'c1',
    });
  });
});

describe('conversations', () => {
  test('are found by their name and by what was said, however it is written', async () => {
    const id = await started('What is 100%_sure?');
    whole('Nothing');
    await idle(id);
    await started('Other');
    whole('Else');
    for (const query of ['100%_', 'NOTHING', 'sure']) {
      expect([query, conversations.search(query, 9).map((line) => line.id)]).toEqual([query, [id]]);
    }
    expect(conversations.search('_____________', 9)).toEqual([]);
    expect(conversations.search("'; DROP TABLE turns; --", 9)).toEqual([]);
    expect(conversations.search('', 9)).toHaveLength(2);
  });

  test('and turns that were deleted come back whole', async () => {
    const id = await started();
    whole('First');
    await idle(id);
    conversations.remove(id);
    expect([conversations.find(id), conversations.list(9)]).toEqual([null, []]);
    conversations.restore(id);
    expect(words(id)).toEqual(['Hello', 'First']);
    const [question] = branch(id);
    conversations.removeTurn(id, question?.id ?? '');
    expect(words(id)).toEqual([]);
    conversations.restoreTurn(id, question?.id ?? '');
    expect(words(id)).toEqual(['Hello', 'First']);
  });

  test('that were deleted ten minutes ago are gone for good', () => {
    let nowMs = 1_000;
    const book = new Conversations({ store, clock: { wallMs: () => nowMs } });
    const { id } = book.create(PLAIN_SETTINGS, 'old');
    book.remove(id);
    nowMs += 11 * 60_000;
    book.create(PLAIN_SETTINGS, 'new');
    expect(() => book.restore(id)).toThrow('too long ago');
  });

  test('keep what they know of settings that another version wrote, and refuse an empty name', () => {
    const { id } = conversations.create(PLAIN_SETTINGS, 'q');
    store.$client.run(`UPDATE conversations SET settings = '{"model":"m","future":1,"system":"s"}' WHERE id = '${id}'`);
    expect(conversations.need(id).settings).toEqual({ ...PLAIN_SETTINGS, model: 'm', system: 's' });
    expect(() => conversations.rename(id, ' \n ')).toThrow('at least one letter');
    conversations.rename(id, ' a\nname ');
    expect(conversations.need(id).title).toBe('a name');
  });
});
