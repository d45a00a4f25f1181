// What telemetry says: advice, changes, cells. Figures: test/requests/tally.test.ts; one request: test/pages/requests.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { FAULTS } from '#src/faults.ts';
import { adviceFor, type Circumstances, endText } from '#src/pages/telemetry/advice.ts';
import { charts } from '#src/pages/telemetry/charts.ts';
import { cellsOf, columnChoices } from '#src/pages/telemetry/columns.ts';
import { csvCell } from '#src/pages/telemetry/export.ts';
import { marksData } from '#src/pages/telemetry/marks.ts';
import { figures, keptText, mendedData } from '#src/pages/telemetry/present.ts';
import { addressOf, momentOf, RANGE_NAMES, spanOf, type Wish } from '#src/pages/telemetry/span.ts';
import { wishOf } from '#src/pages/telemetry/wish.ts';
import { NO_FILTER } from '#src/requests/period.ts';
import type { FailureGroup, PeriodFigures } from '#src/requests/tally.ts';
import type { MarkRow } from '#src/store/schema.ts';
import { recordRow } from '#test/requests/record-rows.ts';
import { tallied, tallyRow } from '#test/requests/tally-rows.ts';
import type { ChartData } from '#views/telemetry/chart.tsx';

/** Ends of things that no request is: installations, downloads, the hub. */
const UNADVISED: readonly string[] = Object.keys(FAULTS).filter((kind) =>
  /^(hub-|install-|download-|offline|disk-full|conflict|method-|unsupported|not-found|cancelled)/.test(kind),
);

const group = (parts: Partial<FailureGroup>): FailureGroup => ({
  termination: 'CP',
  errorKind: null,
  client: 'claude-code',
  count: 14,
  medianMs: 58_000,
  lowerMs: 57_500,
  upperMs: 58_400,
  models: [],
  medianInputTokens: null,
  lastAtMs: 0,
  lastMessage: null,
  ...parts,
});
const NOTHING_KNOWN: Circumstances = { crashes: new Map(), beside: null };
const advice = (parts: Partial<FailureGroup>, around = NOTHING_KNOWN) => adviceFor(group(parts), around);

describe('advice', () => {
  test('ends at the same age are a timeout of the client, said with its length and the limit it looks like', () => {
    expect(advice({})).toContain('after about 58 s, which looks like a timeout of 1:00 that claude-code has');
    expect(advice({})).toContain('shorten the prompts so');
    expect(advice({ medianInputTokens: 38_000 })).toContain('prompts of about 38 k tokens');
    expect(advice({ medianMs: 73_000, lowerMs: 72_000, upperMs: 74_000 })).toContain('a timeout that claude-code has');
  });
  test.each([
    ['few', { count: 2 }],
    ['spread', { lowerMs: 20_000 }],
    ['at once', { medianMs: 900, lowerMs: 890, upperMs: 910 }],
  ] as const)('%s ends are none', (_, parts) => {
    expect(advice(parts)).not.toContain('timeout');
  });
  test('the kind of the fault comes before its phase', () => {
    expect(advice({ termination: 'EG', errorKind: 'engine-died' })).toContain('ended by itself');
    expect(advice({ termination: 'UG', errorKind: 'cancelled' })).toContain('nothing is wrong');
  });
  test('crashes are told by their kinds, and out of memory by what was loaded beside', () => {
    const crashes = new Map([
      ['killed', 1],
      ['out-of-memory', 3],
    ]);
    const around = { crashes, beside: { gemma: 18e9, qwen: 4e9, mine: 1e9 } };
    const died = advice({ errorKind: 'engine-died', models: ['mine'] }, around);
    expect(died).toContain('in this time: 3 × out of memory, 1 × killed');
    expect(died).toContain('while gemma (18.0 GB), qwen (4.0 GB) were loaded');
    expect(advice({ errorKind: 'no-memory', models: ['mine', 'qwen'] }, around)).toContain(
      'not enough memory while gemma (18.0 GB) was loaded.',
    );
    expect(advice({ errorKind: 'no-memory' })).toContain('not enough memory. A smaller');
  });
  test.each(Object.keys(FAULTS).filter((kind) => !UNADVISED.includes(kind)))('there is a word for %s', (errorKind) => {
    expect(advice({ termination: 'F-', errorKind })).not.toBeNull();
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
    marks: { swaps: 0, crashes: 0 },
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

const WISH: Wish = { ...NO_FILTER, range: '24h', fromMs: null, untilMs: null, against: null, columns: null };
const NOW_MS = 1_765_000_000_123;

describe('periods', () => {
  test('each period is followed by the present one without a gap, and its end moves in steps', () => {
    for (const range of RANGE_NAMES) {
      const { period, previous } = spanOf({ ...WISH, range }, NOW_MS);
      expect(previous.untilMs).toBe(period.fromMs);
      expect(previous.untilMs - previous.fromMs).toBe(period.untilMs - period.fromMs);
      expect(period.untilMs).toBeGreaterThan(NOW_MS);
    }
  });
  test.each([
    ['as written', 1_000_000, 9_000_000, 1_000_000, 9_000_000],
    ['the wrong way round', 9_000_000, 1_000_000, 1_000_000, 9_000_000],
    ['too short', 5_000_000, 5_000_001, 5_000_000, 5_060_000],
    ['far too long', 0, NOW_MS, NOW_MS - 366 * 86_400_000, NOW_MS],
    ['no beginning', null, NOW_MS, NOW_MS - 86_400_000, NOW_MS],
  ] as const)('one of one’s own, %s', (_, fromMs, untilMs, first, last) => {
    const { period, isOwn, isLive, buckets } = spanOf({ ...WISH, fromMs, untilMs }, NOW_MS);
    expect([period, isOwn, isLive]).toEqual([{ fromMs: first, untilMs: last }, true, false]);
    expect(buckets).toBeGreaterThan(0);
  });
  test('without an end it goes on', () => {
    const { period, isLive } = spanOf({ ...WISH, fromMs: NOW_MS - 3_600_000 }, NOW_MS);
    expect(isLive).toBe(true);
    expect(period.untilMs).toBeGreaterThan(NOW_MS);
  });
  test('whatever an address says is a period with an end after its beginning', () => {
    const moment = fc.option(fc.oneof(fc.nat(), fc.integer({ min: 0, max: 8_640_000_000_000_000 })), { nil: null });
    fc.assert(
      fc.property(moment, moment, (fromMs, untilMs) => {
        const { period, buckets, words } = spanOf({ ...WISH, fromMs, untilMs }, NOW_MS);
        expect(period.untilMs - period.fromMs).toBeGreaterThanOrEqual(60_000);
        expect(buckets).toBeGreaterThan(0);
        expect(words).not.toContain('Invalid');
      }),
    );
  });
  test('an address keeps what it says, and leaves out what goes without saying', () => {
    expect(addressOf('/telemetry', { ...WISH, range: '7d', modelId: 'a/b c' })).toBe(
      '/telemetry?range=7d&model=a%2Fb+c',
    );
    expect(addressOf('/telemetry', WISH, { range: '' })).toBe('/telemetry');
    const own: Wish = {
      ...WISH,
      fromMs: new Date(2026, 10, 22, 14, 3).getTime(),
      untilMs: new Date(2026, 10, 22, 14, 3, 9).getTime(),
      route: '/v1/messages',
      errorKind: 'queue-full',
      against: { kind: 'model', modelId: 'qwen' },
      columns: ['client', 'queue'],
    };
    const url = `http://flow${addressOf('/telemetry', own)}`;
    expect(url).toContain('from=2026-11-22T14%3A03&to=2026-11-22T14%3A03%3A09');
    expect(wishOf(Object.fromEntries(new URL(url).searchParams), url)).toEqual(own);
  });
  test.each(['', 'yesterday', '2026-13-99T99:99', '-5', 'NaN', '1e9'])('%j is no moment', (text) => {
    expect(momentOf(text)).toBeNull();
  });
});

test('columns come in the order of the table, and the usual ones go without saying', () => {
  const url = 'http://flow/telemetry?columns=took,client&columns=nothing';
  expect(wishOf({}, url).columns).toEqual(['client', 'took']);
  const usual = columnChoices(null).flatMap(({ name, isShown }) => (isShown ? [name] : []));
  expect(wishOf({}, `http://flow/telemetry?columns=${usual.toReversed().join()}`).columns).toBeNull();
  expect(wishOf({}, 'http://flow/telemetry?columns=nothing').columns).toBeNull();
  const row = { id: 7, ...recordRow({ queueMs: 1_000, modelId: null, wantedModel: 'typo' }) };
  expect(cellsOf(row, ['model', 'queue'])).toEqual(['typo', '1.0 s']);
  expect(cellsOf(row, null)).toHaveLength(usual.length);
});

describe('marks', () => {
  const period = { fromMs: 0, untilMs: 100_000 };
  const mark = (parts: Partial<MarkRow>): MarkRow => {
    return { id: 1, kind: 'unload', subject: 'gemma', cause: 'cooldown', detail: null, startedAtMs: 0, ...parts };
  };
  const textOf = (parts: Partial<MarkRow>) =>
    marksData({ loads: [], marks: [mark(parts)], unread: 0 }, period, 10).list[0]?.text.replace(/^[\d:]+ /, '');
  test.each([
    [{ cause: 'eviction', detail: 'qwen' }, 'gemma was unloaded to make room for qwen'],
    [{ cause: 'eviction' }, 'gemma was unloaded because models may take less memory now'],
    [{}, 'gemma was unloaded: nobody had used it'],
    [{ cause: 'growth' }, 'gemma was unloaded to be started anew: its engine had grown'],
    [{ cause: 'tomorrow’s reason' }, 'gemma was unloaded'],
    [{ kind: 'crash', cause: 'out-of-memory' }, 'the engine of gemma ended by itself (out of memory)'],
    [{ kind: 'engine', subject: 'llama.cpp', cause: 'changed', detail: 'b2' }, 'llama.cpp is b2 now'],
    [{ kind: 'settings', subject: null, detail: 'queue_limit' }, 'settings were changed: queue_limit'],
    [{ kind: 'model', cause: 'configured', detail: 'is_pinned' }, 'gemma was configured: is_pinned'],
    [
      { kind: 'start', subject: null, cause: 'after-crash', detail: '1.0' },
      'Flow 1.0 started; the run before had not ended in good order',
    ],
    [{ kind: 'stop', subject: null }, 'Flow stopped'],
  ] as const)('%j', (parts, words) => {
    expect(textOf(parts)).toBe(words);
  });
  test('they stand in order, the newest first, each in its part, and no more than can be read', () => {
    const load = { modelId: 'gemma', loadMs: 9_000, outcome: 'ready', crashKind: null };
    const marks = Array.from({ length: 300 }, (_, index) => mark({ startedAtMs: 50_000 + index }));
    const { legend, list, hidden } = marksData(
      { loads: [{ ...load, startedAtMs: 99_999 }], marks, unread: 7 },
      period,
      10,
    );
    expect(list[0]).toMatchObject({ look: 'load', part: 9 });
    expect(list[1]).toMatchObject({ look: 'unload', part: 5 });
    expect(list.length + hidden).toBe(308);
    expect(legend.map(({ text, ratios }) => [text, ratios.length])).toEqual([
      ['1 load', 1],
      [`${list.length - 1} unloads`, list.length - 1],
    ]);
  });
});

test('what was mended is held against what could have been', () => {
  const tally = { answers: new Map([['gemma', 90]]), toolAnswers: new Map([['gemma', 40]]) };
  const repair = { modelId: 'gemma', requests: 3, note: 'a tool call was text' } as const;
  expect(mendedData([{ ...repair, kind: 'leaked-call' }], tally)[0]?.text).toBe(
    '3 of 40 answers with tool calls were mended',
  );
  expect(mendedData([{ ...repair, kind: 'loop', requests: 1 }], tally)[0]?.text).toBe('1 of 90 answers was mended');
  expect(mendedData([{ ...repair, kind: 'loop', modelId: 'gone' }], tally)[0]?.text).toBe('3 of 3 answers were mended');
});

test('how much is kept is said in plain words', () => {
  const size = { requests: 2_310, marks: 12, samples: 1, bytes: 1.4e6, isOfAll: false };
  expect(keptText(size, 30)).toStartWith('About 2,310 requests, 12 marks, 1 memory sample: 1 MB. Kept for 30 days;');
  expect(keptText({ ...size, isOfAll: true }, 1)).toContain('the whole database has 1 MB. Kept for 1 day;');
});

describe('curves', () => {
  const tallyOf = (rows: readonly (readonly unknown[])[]) => tallied(rows, { buckets: 2, untilMs: 2_000 });
  const rowOf = (model: string, speed: number) =>
    tallyRow({ model, speed, at: 100, ttft: 40, input: 10, cached: 4, output: 3, prefill: speed * 10 });
  const span = { ...spanOf(WISH, NOW_MS), period: { fromMs: 0, untilMs: 2_000 }, buckets: 2 };
  const namesIn = (all: readonly ChartData[], id: string) =>
    all.find((chart) => chart.id === id)?.series.map(({ name }) => name);
  test('each model has its own, for answers and for prompts', () => {
    const all = charts({ tally: tallyOf([rowOf('gemma', 40), rowOf('qwen', 20)]), span, memory: [], other: null });
    expect(namesIn(all, 'speed')).toEqual(['gemma', 'qwen']);
    expect(namesIn(all, 'prefill')).toEqual(['gemma', 'qwen']);
  });
  test('what it is compared with is drawn beside it, by its name', () => {
    const other = { tally: tallyOf([rowOf('qwen', 20)]), name: 'qwen' };
    const all = charts({ tally: tallyOf([rowOf('gemma', 40)]), span, memory: [], other });
    expect(namesIn(all, 'ttft')).toEqual(['median', '95th percentile', 'median, qwen', '95th percentile, qwen']);
    expect(namesIn(all, 'speed')).toEqual(['gemma', 'qwen']);
    const before = charts({
      tally: tallyOf([rowOf('gemma', 40)]),
      span,
      memory: [],
      other: { ...other, name: 'before' },
    });
    expect(namesIn(before, 'speed')).toEqual(['gemma', 'qwen, before']);
  });
  test('memory goes up to all there is', () => {
    const point = { startedAtMs: 5, totalBytes: 48e9, modelsBytes: 18e9, appsBytes: 12e9, cacheBytes: 5e9 };
    const all = charts({ tally: tallyOf([]), span, memory: [point, null], other: null });
    expect(all.find(({ id }) => id === 'memory')).toMatchObject({ top: 48e9, topText: '48.0 GB' });
    expect(all.find(({ id }) => id === 'memory')?.series[0]).toMatchObject({
      values: [18e9, null],
      summary: 'up to 18.0 GB',
    });
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
