/** What Flow tells on stderr: sentences, JSON lines or nothing, and no secret in any of them. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '#src/config.ts';
import { Bus } from '#src/events.ts';
import { Logs } from '#src/logs/logs.ts';
import { asJsonLine, type SaidLine } from '#src/logs/said-line.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { startFlow, until } from '#test/support/running-flow.ts';

const SECRET = 'correct-horse-battery';

function told(level: 'info' | 'debug' = 'info') {
  const lines: SaidLine[] = [];
  const onSaid = (line: SaidLine): void => void lines.push(line);
  const logs = new Logs({ clock: new FakeClock(), bus: new Bus(), folder: null, level, onSaid });
  logs.protect(SECRET);
  return { logs, lines };
}

test('a line has its sentence, its facts as fields, and both in one text', () => {
  const { logs, lines } = told();
  logs.warning('The disk is nearly full.', { freeBytes: 12, path: '/a b', cause: new Error('ENOSPC'), at: null });
  expect(lines).toEqual([
    {
      atMs: expect.any(Number),
      level: 'warning',
      message: 'The disk is nearly full.',
      facts: { freeBytes: 12, path: '/a b', cause: 'ENOSPC', at: null },
      text: 'The disk is nearly full. freeBytes=12 path="/a b" cause="ENOSPC" at=null',
    },
  ]);
});

test('secrets are in neither the sentence nor a fact, by value, by look, within errors and objects', () => {
  const { logs, lines } = told();
  logs.error(`It was ${SECRET}`, {
    token: SECRET,
    header: 'Bearer abcdefghijklmnop',
    cause: new Error(`hf_abcdefghijklmnopqrst and ${SECRET}`),
    list: [SECRET, { key: SECRET }],
  });
  const text = lines.map(asJsonLine).join('');
  expect(text).not.toMatch(/correct-horse|abcdefghijklmnop/);
  expect(text.match(/\[secret\]/g)?.length).toBeGreaterThanOrEqual(5);
});

test('nobody forges a line or takes the place of its level', () => {
  const { logs, lines } = told();
  logs.info('one\n{"level":"error"}', { level: 'error', message: 'x', name: 'a\nb\u001b[2J' });
  const [line] = lines.map(asJsonLine);
  expect(line).not.toContain('\n');
  expect(JSON.parse(line ?? '')).toMatchObject({ level: 'info', message: 'one\\u000a{"level":"error"}' });
  expect(JSON.parse(line ?? '').name).toBe('a\\u000ab\\u001b[2J');
});

test('what is below the level is not told, and an engine’s output never is', () => {
  const { logs, lines } = told();
  logs.debug('detail');
  logs.append('tiny', 'a line of an engine', 'stderr');
  expect(lines).toEqual([]);
});

test('the format is one of three', () => {
  expect(readConfig({ 'log-format': 'json' }, { FLOW_LOG_FORMAT: 'off' }).logFormat).toBe('json');
  expect(readConfig({}, { FLOW_LOG_FORMAT: 'off' }).logFormat).toBe('off');
  expect(() => readConfig({}, { FLOW_LOG_FORMAT: 'xml' })).toThrow('FLOW_LOG_FORMAT is "xml"');
});

test('a Flow that is asked for JSON writes nothing else but its ready line', async () => {
  await using flow = await startFlow({ environment: { FLOW_LOG_FORMAT: 'json', FLOW_API_KEY: SECRET } });
  await until('the line that it listens', () => flow.output().includes('"message":"listening"'));
  const lines = flow.output().trim().split('\n');
  const others = lines.filter((line) => !line.startsWith('Flow is listening on '));
  expect(lines).toHaveLength(others.length + 1);
  expect(others.map((line) => JSON.parse(line).level)).not.toContain(undefined);
  expect(others.map((line) => JSON.parse(line)).find(({ message }) => message === 'listening')).toMatchObject({
    url: flow.url,
    pid: flow.pid,
    level: 'info',
  });
  expect(flow.output()).not.toContain(SECRET);
});

test('a Flow that is to be silent still keeps its log', async () => {
  await using flow = await startFlow({ environment: { FLOW_LOG_FORMAT: 'off' } });
  const path = join(flow.dataDir, 'logs', 'flow.log');
  await until(
    'the file',
    async () => (await Bun.file(path).exists()) && readFileSync(path, 'utf8').includes('listening'),
  );
  expect(flow.output()).toBe(`Flow is listening on ${flow.url}\n`);
});
