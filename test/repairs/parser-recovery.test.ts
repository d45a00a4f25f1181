/** An engine whose parser gives up on its model's calls, through the gateway: nothing that has come is lost. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { foreignHouse, House } from '#test/gateway/support/house.ts';

const MESSAGE = 'The model produced output that does not match the expected peg-native format';
const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const delta = (delta: object) => frame({ id: 'x', choices: [{ index: 0, delta, finish_reason: null }] });
const call = (json: string) => ({ tool_calls: [{ index: 0, function: { arguments: json } }] });
const OPENING = { tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'look', arguments: '' } }] };
const ERROR = { error: { code: 500, message: MESSAGE, type: 'server_error' } };
const BODY = {
  messages: [{ role: 'user', content: 'Look.' }],
  tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }],
};

let house: House;
let url: string;
let asked: { stream?: boolean }[];
let deltas: readonly object[];

beforeEach(() => open(new House()));
afterEach(() => house.close());

function open(opened: House): void {
  house = opened;
  asked = [];
  house.server(async (request) => {
    const body = await request.json().catch(() => ({}));
    asked.push(body);
    if (!body.stream) return Response.json(ERROR, { status: 500 });
    const text = delta({ role: 'assistant', content: null }) + deltas.map(delta).join('') + frame(ERROR);
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } });
  });
  url = house.listen();
}

const post = (path: string, body: object) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...BODY, ...body }),
  });

test('a whole answer keeps its call', async () => {
  deltas = [{ content: 'I look.' }, OPENING, call('{"at":'), call('1}')];
  const answer = await (await post('/v1/chat/completions', {})).json();
  expect(asked.map(({ stream }) => stream === true)).toEqual([true]);
  expect(answer.choices[0]).toMatchObject({
    finish_reason: 'tool_calls',
    message: { content: 'I look.', tool_calls: [{ id: 'c1', function: { name: 'look', arguments: '{"at":1}' } }] },
  });
  expect(house.tracker.settled[0]?.calls.join()).toContain("engine's parser gave up");
});

test('a whole answer of another server is asked for once more as a stream, and keeps its call', async () => {
  await house.close();
  open(foreignHouse('openai'));
  deltas = [{ content: 'I look.' }, OPENING, call('{"at":'), call('1}')];
  const answer = await (await post('/v1/chat/completions', {})).json();
  expect(asked.map(({ stream }) => stream === true)).toEqual([false, true]);
  expect(answer.choices[0]).toMatchObject({
    finish_reason: 'tool_calls',
    message: { content: 'I look.', tool_calls: [{ id: 'c1', function: { name: 'look', arguments: '{"at":1}' } }] },
  });
  expect(house.tracker.settled[0]?.calls.join()).toContain("engine's parser gave up");
});

test('a stream ends with its call, and no error', async () => {
  deltas = [OPENING, call('{}')];
  const text = await (await post('/v1/chat/completions', { stream: true })).text();
  expect(text).toContain('"finish_reason":"tool_calls"');
  expect(text).not.toContain('does not match');
  expect(text).toEndWith('data: [DONE]\n\n');
  expect(house.tracker.settled[0]?.outcome.kind).toBe('completed');
});

test('a call that was cut off is never told as one to be executed', async () => {
  deltas = [OPENING, call('{"at":')];
  const text = await (await post('/v1/chat/completions', { stream: true })).text();
  expect(text).toContain('"finish_reason":"length"');
  expect(text).not.toContain('"finish_reason":"tool_calls"');
});

test('in another protocol too', async () => {
  deltas = [OPENING, call('{"at":1}')];
  const answer = await (
    await post('/v1/messages', { max_tokens: 100, tools: [{ name: 'look', input_schema: { type: 'object' } }] })
  ).json();
  expect(answer).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', input: { at: 1 } }] });
});

test('when nothing has come it stays the error that it is', async () => {
  deltas = [];
  expect((await post('/v1/chat/completions', {})).status).toBe(500);
  const text = await (await post('/v1/chat/completions', { stream: true })).text();
  expect(text).toContain('does not match');
  expect(house.tracker.settled.map(({ outcome }) => outcome.kind)).toEqual(['failed', 'failed']);
});
