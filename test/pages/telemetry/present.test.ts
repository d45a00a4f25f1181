// What telemetry says: advice, changes, stories, cells. Figures themselves: test/requests/tally.test.ts.
import { describe, expect, test } from 'bun:test';
import { adviceFor, endText } from '#src/pages/telemetry/advice.ts';
import { csvCell } from '#src/pages/telemetry/export.ts';
import { figures } from '#src/pages/telemetry/present.ts';
import { addressOf, RANGE_NAMES, spanOf } from '#src/pages/telemetry/span.ts';
import { curlOf, storyOf, timeline } from '#src/pages/telemetry/story.ts';
import type { FailureGroup, PeriodFigures } from '#src/requests/tally.ts';
import { recordRow } from '#test/requests/record-rows.ts';

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

describe('a story', () => {
  const row = { id: 7, ...recordRow({ queueMs: 1_000, loadMs: 3_000, ttftMs: 6_000, durationMs: 8_000 }) };
  test('its parts make up the whole', () => {
    expect(timeline(row).map(({ ratio }) => ratio)).toEqual([0.125, 0.375, 0.25, 0.25]);
    const odd = timeline({ ...row, ttftMs: null, queueMs: 99_000, durationMs: 10 });
    expect(odd.reduce((sum, { ratio }) => sum + ratio, 0)).toBe(1);
    expect(timeline({ ...row, durationMs: 0 }).every(({ ratio }) => ratio === 0)).toBe(true);
  });
  test('its command is one that a shell takes, whatever the model was called, and holds no key', async () => {
    const evil = 'it\'s $(touch x) `y` "z"';
    const command = curlOf({ ...row, wantedModel: evil }, 'http://127.0.0.1:3377');
    const script = command.replace('curl', 'printf "%s\\n"');
    const said = await new Response(Bun.spawn(['sh', '-c', script], { env: {} }).stdout).text();
    const lines = said.trim().split('\n');
    expect(lines[0]).toBe('http://127.0.0.1:3377/v1/messages');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ model: evil, max_tokens: 512, stream: true });
    expect(command).toContain('$FLOW_API_KEY');
  });
  test('it leads to the logs of its moment', () => {
    expect(storyOf({ row, nowMs: 0, origin: '' }).logsHref).toBe('/logs?at=1000&source=gemma');
  });
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
