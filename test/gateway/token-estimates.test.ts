// How prompts are guessed and learnt. When they are asked for: foreign-requests.test.ts.
import { expect, test } from 'bun:test';
import { TokenEstimates } from '#src/gateway/token-estimates.ts';

test('a guess is by four characters a token, until an answer has told', () => {
  const estimates = new TokenEstimates();
  expect(estimates.guess('a', 4_000)).toEqual({ tokens: 1_000, isLearnt: false });
  estimates.learn('a', 3_000, 1_500);
  expect(estimates.guess('a', 4_000)).toEqual({ tokens: 2_000, isLearnt: true });
  expect(estimates.guess('b', 4_000)).toEqual({ tokens: 1_000, isLearnt: false });
});

test('it follows what a model is asked, and short prompts teach nothing', () => {
  const estimates = new TokenEstimates();
  estimates.learn('a', 100, 90);
  expect(estimates.guess('a', 4_000).isLearnt).toBe(false);
  estimates.learn('a', 3_000, 1_500);
  for (let times = 0; times < 40; times += 1) estimates.learn('a', 3_000, 750);
  expect(estimates.guess('a', 4_000).tokens).toBeCloseTo(1_000, -1);
});

test('pictures do not count by their letters', () => {
  const estimates = new TokenEstimates();
  const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(1_000_000)}` } };
  const messages = [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, picture] }];
  expect(estimates.charactersOf({ messages })).toBeLessThan(2_000);
  expect(estimates.charactersOf({ messages: [{ role: 'user', content: 'x'.repeat(500) }] })).toBeGreaterThan(499);
});
