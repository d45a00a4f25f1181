// What telemetry says: advice, changes, cells. Figures: test/requests/tally.test.ts; one request: test/pages/requests.
import { describe, expect, test } from 'bun:test';
import { adviceFor, endText } from '#src/pages/telemetry/advice.ts';
import { csvCell } from '#src/pages/telemetry/export.ts';
import { figures } from '#src/pages/telemetry/present.ts';
import { addressOf, RANGE_NAMES, spanOf } from '#src/pages/telemetry/span.ts';
import type { FailureGroup, PeriodFigures } from '#src/requests/tally.ts';

const group = (parts: Partial<FailureGroup>): FailureGroup => ({
  termination: 'CP',
  errorKind: null,
  client: 'claude-code',
  count: 14,
  medianMs: 58_000,
  lowerMs: 57_500,
  upperMs: 58_400,
  models: [],
  ...parts,
});

describe('advice', () => {
  test('ends at the same age are a timeout of the client, said with its length', () => {
    expect(adviceFor(group({}))).toContain('after about 58 s, which looks like a timeout');
    expect(adviceFor(group({}))).toContain('shorten the prompt');
  });
  test.each([
    ['few', { count: 2 }],
    ['spread', { lowerMs: 20_000 }],
    ['at once', { medianMs: 900, lowerMs: 890, upperMs: 910 }],
  ] as const)('%s ends are none', (_, parts) => {
    expect(adviceFor(group(parts))).not.toContain('timeout');
  });
  test('the kind of the fault comes before its phase', () => {
    expect(adviceFor(group({ termination: 'EG', errorKind: 'engine-died' }))).toContain('ended by itself');
    expect(adviceFor(group({ termination: 'UG', errorKind: 'cancelled' }))).toContain('nothing is wrong');
  });
  test('codes are told in words', () => {
    expect(endText('CP')).toBe('the client, while the prompt was read');
    expect(endText('F-')).toBe('Flow');
    expect(endText('')).toBe('nobody');
  });
});

describe('changes', () => {
  const of = (parts: Partial<PeriodFigures>) => ({
    loads: 0,
    figures: {
      requests: 100,
      completed: 100,
      failed: 0,
      cancelled: 0,
      inputTokens: 0,
      cachedTokens: 0,
      outputTokens: 0,
      ttftP50Ms: null,
      ttftP95Ms: null,
      tokensPerSP50: null,
      prefillTokensPerSP50: null,
      queueP95Ms: null,
      loadMs: 0,
      ...parts,
    },
  });
  const changeOf = (label: string, now: Partial<PeriodFigures>, before: Partial<PeriodFigures>) =>
    figures(of(now), of(before)).find((figure) => figure.label === label)?.change ?? null;

  test('faster is better, slower is worse, more requests are neither', () => {
    expect(changeOf('First token, median', { ttftP50Ms: 500 }, { ttftP50Ms: 1000 })).toEqual({
      text: '▼ 50 %',
      tone: 'better',
    });
    expect(changeOf('Speed, median', { tokensPerSP50: 30 }, { tokensPerSP50: 40 })).toEqual({
      text: '▼ 25 %',
      tone: 'worse',
    });
    expect(changeOf('Requests', { requests: 3000 }, {})).toEqual({ text: '▲ 30 times', tone: 'neutral' });
  });
  test('what was not before cannot be compared', () => {
    expect(changeOf('Requests', {}, { requests: 0 })).toBeNull();
    expect(changeOf('Speed, median', { tokensPerSP50: 30 }, {})).toBeNull();
    expect(changeOf('Requests', {}, {})).toEqual({ text: 'as before', tone: 'neutral' });
  });
});

test('each period is followed by the present one without a gap, and its end moves in steps', () => {
  for (const range of RANGE_NAMES) {
    const { period, previous } = spanOf(range, 1_765_000_000_123);
    expect(previous.untilMs).toBe(period.fromMs);
    expect(previous.untilMs - previous.fromMs).toBe(period.untilMs - period.fromMs);
    expect(period.untilMs).toBeGreaterThan(1_765_000_000_123);
  }
  const wish = { range: '7d', modelId: 'a/b c', outcome: null, client: null } as const;
  expect(addressOf('/telemetry', wish)).toBe('/telemetry?range=7d&model=a%2Fb+c');
  expect(addressOf('/telemetry', wish, { range: '' })).toBe('/telemetry?model=a%2Fb+c');
});

test.each([
  [null, ''],
  [12.5, '12.5'],
  [true, 'true'],
  ['plain', 'plain'],
  ['a,b "c"', '"a,b ""c"""'],
  ['=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'],
  ['@sum', "'@sum"],
  [['one', 'two'], 'one; two'],
] as const)('a cell for %j is %s', (value, cell) => {
  expect(csvCell(value)).toBe(cell);
});
