// The logs in memory: rings, order, levels, secrets, notices. Files in log-file.test.ts, the route in routes.test.ts.
import { expect, test } from 'bun:test';
import { Bus, type FlowEvent } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { guessLevel } from '#src/logs/log-level.ts';
import { type LogEntry, LogRing, RING_LINES_MAX } from '#src/logs/log-ring.ts';
import { Logs } from '#src/logs/logs.ts';
import { Redactor } from '#src/logs/redaction.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { heldBytes } from '#test/support/held-bytes.ts';

function someLogs(level: 'debug' | 'info' = 'info') {
  const clock = new FakeClock();
  const bus = new Bus();
  const events: FlowEvent[] = [];
  bus.subscribe((event) => events.push(event));
  return { clock, events, logs: new Logs({ clock, bus, folder: null, level }) };
}

const texts = (entries: readonly LogEntry[]) => entries.map(({ text }) => text);

function entry(number: number, text = `line ${number}`): LogEntry {
  return { sequence: number, source: 'tiny', atMs: number, level: 'info', stream: 'stderr', text };
}

test('a ring keeps the newest 2,000 lines and counts the rest', () => {
  const ring = new LogRing();
  for (let number = 1; number <= 10_000; number += 1) ring.push(entry(number));
  expect(ring.length).toBe(RING_LINES_MAX);
  expect(ring.dropped).toBe(8_000);
  expect(texts(ring.tail(2))).toEqual(['line 9999', 'line 10000']);
  expect(ring.tail(1_000_000)).toHaveLength(RING_LINES_MAX);
  expect(ring.tail(1_000_000)[0]?.text).toBe('line 8001');
});

test('a ring keeps no more than a megabyte, but always the newest line', () => {
  const ring = new LogRing();
  for (let number = 1; number <= 200; number += 1) ring.push(entry(number, 'x'.repeat(16_000)));
  expect(ring.length).toBe(62);
  const one = new LogRing();
  one.push(entry(1, 'x'.repeat(5_000_000)));
  expect(one.length).toBe(1);
});

test('a ring lets go of long lines that it dropped', async () => {
  const ring = new LogRing();
  const before = await heldBytes();
  // Read from bytes: a repeated string is a promise of its characters, and takes no memory.
  for (let number = 1; number <= 1_900; number += 1) {
    ring.push(entry(number, Buffer.alloc(16_000, 'x').toString('latin1')));
  }
  expect(ring.length).toBe(62);
  expect((await heldBytes()) - before).toBeLessThan(4 << 20);
});

test('sources are merged in the order in which lines came', () => {
  const { logs, clock } = someLogs();
  for (let round = 1; round <= 3; round += 1) {
    logs.append('a', `a${round}`, 'stderr');
    logs.append('org/b', `b${round}`, 'stdout');
    logs.info(`flow${round}`);
    clock.advance(10);
  }
  expect(texts(logs.tail({ lines: 4 }).entries)).toEqual(['flow2', 'a3', 'b3', 'flow3']);
  expect(texts(logs.tail({ source: 'org/b', lines: 2 }).entries)).toEqual(['b2', 'b3']);
  expect(logs.tail({ source: 'nobody', lines: 10 })).toEqual({ entries: [], dropped: 0 });
  expect(logs.sources).toEqual(['flow', 'a', 'org/b']);
  const [first] = logs.tail({ lines: 100 }).entries;
  expect(first).toMatchObject({ source: 'a', stream: 'stderr', atMs: clock.wallMs() - 30 });
});

test('what came too fast is counted as dropped', () => {
  const { logs } = someLogs();
  logs.append('a', 'one', 'stderr');
  logs.noteDropped('a', 500);
  expect(logs.tail({ lines: 10 }).dropped).toBe(500);
});

test('Flow’s own lines carry facts, and those below its level are not kept', () => {
  const { logs } = someLogs();
  logs.debug('too much detail');
  logs.warning('The disk is nearly full.', { freeBytes: 12, path: '/a b', cause: new Error('ENOSPC') });
  const { entries } = logs.tail({ source: 'flow', lines: 10 });
  expect(texts(entries)).toEqual(['The disk is nearly full. freeBytes=12 path="/a b" cause="ENOSPC"']);
  expect(entries[0]?.level).toBe('warning');
});

test.each([
  ['0.00.004.844 I srv    load_model: error in name only', 'info'],
  ['0.02.508.392 W srv    operator(): unauthorized', 'warning'],
  ['0.02.508.392 E srv    start: failed', 'error'],
  ['error: invalid argument: --bogus', 'error'],
  ['Traceback (most recent call last):', 'error'],
  ['UserWarning: something is deprecated', 'warning'],
  ['all is well', 'info'],
] as const)('the level of `%s` is %s', (line, level) => {
  expect(guessLevel(line)).toBe(level);
});

test.each([
  'token hf_abcdefghijklmnopqrstuvwxyz0123 used',
  'OPENAI_API_KEY=sk-proj-abcdefghijklmnop1234',
  'Authorization: Bearer abcdef0123456789abcdef',
  'GET /?api_key=0123456789abcdef0123',
  '{"password":"correct-horse-battery"}',
])('no secret of `%s` is kept', (line) => {
  const { logs } = someLogs();
  logs.append('tiny', line, 'stderr');
  const [kept = ''] = texts(logs.tail({ lines: 1 }).entries);
  expect(kept).toContain('[secret]');
  expect(kept).not.toMatch(/abcdefghijklmn|0123456789abcdef|correct-horse/);
});

test('a key known by value is hidden wherever it stands, until it is over', () => {
  const { logs } = someLogs();
  const release = logs.protect('Zm9vYmFyYmF6cXV1eA');
  logs.append('tiny', 'key Zm9vYmFyYmF6cXV1eA! and Zm9vYmFyYmF6cXV1eA', 'stderr');
  release();
  logs.append('tiny', 'key Zm9vYmFyYmF6cXV1eA', 'stderr');
  expect(texts(logs.tail({ lines: 2 }).entries)).toEqual(['key [secret]! and [secret]', 'key Zm9vYmFyYmF6cXV1eA']);
});

test.each(['slot print_timing: 1024 tokens', 'n_keyframes = 12', 'model loaded: sk-1'])('`%s` is no secret', (line) => {
  const { logs } = someLogs();
  logs.append('tiny', line, 'stderr');
  expect(texts(logs.tail({ lines: 1 }).entries)).toEqual([line]);
});

test('screens hear of a busy source at most every 100 ms, and of its last line always', () => {
  const { logs, clock, events } = someLogs();
  for (let number = 0; number < 1_000; number += 1) {
    logs.append('busy', `line ${number}`, 'stderr');
    clock.advance(1);
  }
  expect(events.length).toBeLessThanOrEqual(10);
  clock.advance(100);
  const count = events.length;
  logs.append('busy', 'the last', 'stderr');
  clock.advance(100);
  expect(events.slice(count)).toEqual([{ type: 'log-line', source: 'busy' }]);
});

test('nobody forges a line or drives a terminal by what Flow repeats of him', () => {
  const logs = new Logs({ clock: new FakeClock(), bus: new Bus(), folder: null });
  logs.warning('asked for\nerror all is lost', { path: '/x\u001b]52;c;AAAA\u0007', model: 'a\u2028b' });
  logs.append('tiny', 'one\r\nerror two', 'stderr');
  const [said, line] = logs.tail({ lines: 2 }).entries.map(({ text }) => text);
  expect(said).toBe('asked for\\u000aerror all is lost path=/x\\u001b]52;c;AAAA\\u0007 model="a\\u2028b"');
  expect(line).toBe('one\\u000d\\u000aerror two');
});

test('an unexpected error is told with the place it came from, an expected one in its own words', () => {
  const logs = new Logs({ clock: new FakeClock(), bus: new Bus(), folder: null });
  logs.error('unexpected', { cause: new Error('what happened') });
  logs.warning('expected', { cause: new Fault('offline', 'No network.') });
  const [unexpected, expected] = logs.tail({ lines: 2 }).entries.map(({ text }) => text);
  expect(unexpected).toContain('what happened');
  expect(unexpected).toContain('logs.test.ts');
  expect(expected).toBe('expected cause="No network."');
});

test('the home folder is a tilde, but not a part of another name', () => {
  const redactor = new Redactor({ home: '/home/ada' });
  const line = 'loading /home/ada/models/a.gguf, not /home/adamas/b or /mnt/home/ada; and "/home/ada"';
  expect(redactor.redact(line)).toBe('loading ~/models/a.gguf, not /home/adamas/b or /mnt/home/ada; and "~"');
});
