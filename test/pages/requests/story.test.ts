/** What is told of one request, in each state. Its numbers: test/requests/account.test.ts; the page: test/browser. */
import { describe, expect, test } from 'bun:test';
import { curlOf } from '#src/pages/requests/curl.ts';
import { endWords, helpFor } from '#src/pages/requests/ending.ts';
import { storyOf } from '#src/pages/requests/story.ts';
import { accountOfRow, accountOfView, type RequestAccount } from '#src/requests/account.ts';
import type { RecordedRepair } from '#src/requests/repair-log.ts';
import type { RequestView } from '#src/requests/request.ts';
import { recordRow } from '../../requests/record-rows.ts';

const VIEW: RequestView = {
  id: 'aaaaaaaaaaaa',
  route: '/v1/messages',
  dialect: 'anthropic',
  wantedModel: 'claude-x',
  isStream: true,
  client: 'claude-code',
  modelId: 'gemma',
  stage: 'queued',
  startedAtMs: 1_000,
  stageSinceAtMs: 1_000,
  wait: null,
  promptTokens: null,
  cachedTokens: null,
  prefillRatio: null,
  outputTokens: 0,
  tokensPerS: null,
  ttftMs: null,
  queueMs: 0,
  loadMs: null,
  repairs: [],
  parameters: null,
  endedAtMs: null,
  termination: null,
  error: null,
};

const running = (parts: Partial<RequestView>) => accountOfView({ ...VIEW, ...parts }, 5_000);
const ended = (parts: Parameters<typeof recordRow>[0] = {}) => accountOfRow({ id: 7, ...recordRow(parts) });
const told = (account: RequestAccount, mended: readonly RecordedRepair[] = []) =>
  storyOf({
    account,
    mended,
    moment: { first: [], left: 0, last: [] },
    chat: null,
    preset: null,
    nowMs: 9_000,
    origin: 'http://f',
  });

describe('while it runs', () => {
  const states: readonly (readonly [string, Partial<RequestView>, string | null])[] = [
    [
      'queued, for a reason',
      { stage: 'queued', wait: { reason: 'slots', place: 2, busy: 1 } },
      'place 2: all 1 slot busy',
    ],
    [
      'loading',
      { stage: 'loading', wait: { reason: 'loading', stage: 'text_model', ratio: 0.41, sinceMs: 0, usualMs: null } },
      'its model loads, 41 %',
    ],
    ['prefilling', { stage: 'prefilling', prefillRatio: 0.63, promptTokens: 61_000 }, '63 % of 61 k read'],
    ['prefilling, nobody knows how far', { stage: 'prefilling' }, 'the prompt is read'],
    ['generating', { stage: 'generating', outputTokens: 1_204, tokensPerS: 44.2 }, '1,204 tokens, 44.2 tok/s'],
    ['sending', { stage: 'sending', outputTokens: 3 }, '3 tokens'],
  ];
  test.each(states)('%s', (_name, parts, now) => {
    const story = told(running(parts));
    expect(story).toMatchObject({ isRunning: true, now, tookText: '4.0 s', help: null });
  });
});

describe('when it has ended', () => {
  test('complete: no more is said of its end', () => {
    expect(told(ended())).toMatchObject({ isRunning: false, now: null, error: null, help: null, tookText: '8.0 s' });
  });

  test('its parts make up the whole', () => {
    const parts = told(ended({ queueMs: 1_000, loadMs: 3_000, ttftMs: 6_000, durationMs: 8_000 })).parts;
    expect(parts.map(({ ratio }) => ratio)).toEqual([0.125, 0.375, 0.25, 0.25]);
    expect(parts.map(({ label, text }) => `${label} ${text}`)).toEqual([
      'Queued 1.0 s',
      'Load 3.0 s',
      'Prefill 2.0 s',
      'Generate 2.0 s',
    ]);
  });

  test('failed: the sentence, who and when, and what may help', () => {
    const story = told(
      ended({ outcome: 'failed', termination: 'EG', errorKind: 'engine-died', errorMessage: 'The engine ended.' }),
    );
    expect(story.now).toBe('by the engine, while it answered');
    expect(story.error).toBe('The engine ended.');
    expect(story.help).toContain('last lines are below');
  });

  test.each([
    ['CP', 'prompt'],
    ['CQ', 'queue'],
    ['CL', 'load'],
    ['UG', 'nothing is wrong'],
  ])('cancelled %s', (termination, word) => {
    expect(helpFor(ended({ outcome: 'cancelled', termination }))).toContain(word);
  });

  test('a completed one ended by nobody', () => {
    expect(endWords(ended())).toBeNull();
  });
});

test('parameters say who chose them; none and none recorded are two things', () => {
  const parameters = {
    temperature: [0.2, 'caller'],
    max_tokens: [12_000, 'flow'],
    thinking: [false, 'forced'],
  } as const;
  expect(told(ended({ parameters })).parameters).toEqual([
    { name: 'temperature', value: '0.2', from: 'the caller' },
    { name: 'max_tokens', value: '12,000', from: 'Flow' },
    { name: 'thinking', value: 'off', from: 'the model’s settings, over the caller' },
  ]);
  expect(told(ended({ parameters: {} })).parameters).toEqual([]);
  expect(told(ended({ parameters: null })).parameters).toBeNull();
});

test('a value of the model says by which preset it came, as long as it is that of the preset', () => {
  const parameters = { top_k: [20, 'model'], min_p: [0.1, 'model'], temperature: [0.6, 'caller'] } as const;
  const preset = { name: 'Coding', behaviour: { top_k: 20, min_p: 0, temperature: 0.6 } };
  const story = storyOf({
    ...{ account: ended({ parameters }), mended: [], moment: { first: [], left: 0, last: [] } },
    ...{ chat: null, preset, nowMs: 0, origin: '' },
  });
  expect(story.parameters?.map(({ from }) => from)).toEqual([
    'the model’s settings, by the preset Coding',
    'the model’s settings',
    'the caller',
  ]);
});

test('what was mended stands once, with its texts where they were kept', () => {
  const use = { requestId: 'r', modelId: 'gemma', kind: 'leaked-call', startedAtMs: 0 } as const;
  const story = told(ended({ repairs: ['messages were joined', 'a call was text'] }), [
    { ...use, note: 'a call was text', before: '<tool_call>', after: '' },
  ]);
  expect(story.mended).toEqual([
    { note: 'messages were joined', before: null, after: null },
    { note: 'a call was text', before: '<tool_call>', after: '' },
  ]);
});

test('lines of the logs lose their colours, and lead to the logs of that time', () => {
  const line = { source: 'gemma', level: 'error', atMs: 1_500, text: '\u001b[31mout of\u001b[0m memory' } as const;
  const account = ended({ startedAtMs: 1_000 });
  const sources = { account, mended: [], chat: null, preset: null, nowMs: 0, origin: '' };
  const { log } = storyOf({ ...sources, moment: { first: [line], left: 3, last: [] } });
  expect(log.first[0]).toMatchObject({ source: 'gemma', level: 'error', text: 'out of memory' });
  expect(log).toMatchObject({ left: 3, href: '/logs?at=1000&source=gemma' });
});

describe('the command', () => {
  test('is one that a shell takes, whatever the model was called, and holds no key', async () => {
    const evil = 'it\'s $(touch x) `y` "z"';
    const command = curlOf(ended({ wantedModel: evil }), 'http://127.0.0.1:3377');
    const script = command.replace('curl', 'printf "%s\\n"');
    const said = await new Response(Bun.spawn(['sh', '-c', script], { env: {} }).stdout).text();
    const lines = said.trim().split('\n');
    expect(lines[0]).toBe('http://127.0.0.1:3377/v1/messages');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ model: evil, max_tokens: 512, stream: true });
    expect(command).toContain('$FLOW_API_KEY');
  });

  const parameters = { temperature: [0.2, 'caller'], max_tokens: [64, 'caller'], top_k: [20, 'model'] } as const;
  test.each([
    ['chat', '/v1/chat/completions', { temperature: 0.2, max_tokens: 64 }],
    ['chat', '/v1/completions', { temperature: 0.2, max_tokens: 64, prompt: 'Hello' }],
    ['anthropic', '/v1/messages', { temperature: 0.2, max_tokens: 64 }],
    ['responses', '/v1/responses', { temperature: 0.2, max_output_tokens: 64, input: 'Hello' }],
    ['ollama', '/api/chat', { options: { temperature: 0.2, num_predict: 64 } }],
    ['ollama', '/api/generate', { prompt: 'Hello', options: { temperature: 0.2, num_predict: 64 } }],
    ['chat', '/v1/embeddings', { input: 'Hello' }],
  ])('asks with what the caller chose, in the words of %s %s', (dialect, route, fields) => {
    const command = curlOf(ended({ dialect, route, parameters }), 'http://f');
    const body: unknown = JSON.parse(/-d '(.*)'$/.exec(command)?.[1] ?? '');
    expect(body).toMatchObject(fields);
    expect(command).not.toContain('top_k');
  });
});
