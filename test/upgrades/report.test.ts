/** What follows from trials, which text is gibberish, and which version is newer. */
import { describe, expect, test } from 'bun:test';
import { isNewer } from '#src/engines/compare-versions.ts';
import { SPEECH } from '#src/engines/speech.ts';
import { type Asker, askStream, isGibberish } from '#src/upgrades/questions.ts';
import { type StepName, type Trial, verdictOf } from '#src/upgrades/report.ts';

const STEPS: readonly StepName[] = ['start', 'chat', 'stream', 'tools', 'stop'];

function trial(engineId: string, ...failed: readonly StepName[]): Trial {
  const steps = STEPS.map((name) => ({
    name,
    outcome: failed.includes(name) ? ('failed' as const) : ('passed' as const),
    durationMs: 1,
    words: `${name} of ${engineId}.`,
  }));
  const kept = failed.includes('start') ? steps.slice(0, 1) : steps;
  return { engineId, engineVersion: engineId, modelId: 'm', steps: kept, tail: [] };
}

describe('a verdict', () => {
  const cases: readonly [string, Trial, Trial | null, string, string][] = [
    ['is good without a fault', trial('b2'), null, 'passed', 'b2 answers m'],
    [
      'is bad when only the new one fails',
      trial('b2', 'tools'),
      trial('b1'),
      'failed',
      'does what b2 does not (tools)',
    ],
    ['is bad when it fails at more', trial('b2', 'tools', 'stream'), trial('b1', 'tools'), 'failed', '(stream)'],
    ['is good when both fail at the same', trial('b2', 'tools'), trial('b1', 'tools'), 'passed', 'both fail at tools'],
    ['is none when neither starts', trial('b2', 'start'), trial('b1', 'start'), 'inconclusive', 'not at fault'],
    ['is none when neither answers', trial('b2', 'chat'), trial('b1', 'chat'), 'inconclusive', 'not at fault'],
    ['is bad when there is none to compare with', trial('b2', 'chat'), null, 'failed', 'chat of b2.'],
  ];

  test.each(cases)('%s', (_, fresh, former, outcome, words) => {
    const verdict = verdictOf(fresh, former);
    expect(verdict.outcome).toBe(outcome as typeof verdict.outcome);
    expect(verdict.words).toContain(words);
  });
});

test.each([
  ['@'.repeat(40), true],
  ['@ @ @ @ @ @ @ @ @ @ @ @ @ @ @ @ @ @', true],
  ['\uFFFD\u0001broken text \uFFFD\uFFFD here', true],
  ['@@@', false],
  ['Hello! How may I help you today?', false],
  ['你好，今天我能帮你什么忙吗？这是一个句子。', false],
])('gibberish: %j → %p', (text, is) => {
  expect(isGibberish(text)).toBe(is);
});

test.each([
  ['b11434', 'b9', true],
  ['b9', 'b11434', false],
  ['b9', 'b9', false],
  ['0.32.2', '0.31.3', true],
  ['0.32', '0.31.9', true],
  ['0.32.0', '0.32', false],
  ['1.10', '1.9', true],
  ['b9', 'abc1234', false],
  ['1.0.0', 'b9', false],
  [null, 'b9', false],
  ['b9', null, false],
])('newer: %p than %p → %p', (latest, present, is) => {
  expect(isNewer(latest, present)).toBe(is);
});

test('a stream of thoughts beside empty contents is an answer', async () => {
  const frame = (value: unknown) => ({ event: null, data: typeof value === 'string' ? value : JSON.stringify(value) });
  const frames = [
    frame({ choices: [{ delta: { content: '', reasoning_content: 'Let me', reasoning: 'Let me' } }] }),
    frame({ choices: [{ delta: {}, finish_reason: 'length' }], usage: { prompt_tokens: 3, completion_tokens: 2 } }),
    frame('[DONE]'),
  ];
  const asker = { speech: SPEECH['mlx-vlm'], modelName: 'm', stream: async () => frames } as unknown as Asker;
  expect(await askStream(asker, true)).toBe('3 frames; 3 tokens read, 2 written.');
});
