/** Tables, bars and words: pure. How they look in a real terminal is seen by people. */
import { describe, expect, test } from 'bun:test';
import { exemptLoopback } from '#src/cli/loopback.ts';
import { nearestName } from '#src/cli/nearest.ts';
import { bytes, cut, duration, ProgressBar, safe, type Terminal, table } from '#src/cli/terminal.ts';

describe('S-29: what comes from outside', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['plain ünï 日本', 'plain ünï 日本'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['a\rb\bc\u009b2Jd', 'abc2Jd'],
    ['line\n\tnext', 'line\n\tnext'],
    ['abc\u202egpj.exe', 'abcgpj.exe'],
    ['\u001b]52;c;ZXZpbA==\u0007clipboard', 'clipboard'],
  ];
  for (const [from, to] of cases) {
    test(`${JSON.stringify(from)} cannot drive the terminal`, () => expect(safe(from)).toBe(to));
  }

  test('ten megabytes of beginnings without an end are gone through once', () => {
    for (const beginning of ['\u001b]8;;', '\u001b[', '\u001b[31m', '\u001bP']) {
      expect(safe(beginning.repeat(10_000_000 / beginning.length))).not.toContain('\u001b');
    }
  });
});

describe('tables', () => {
  test('columns line up by what is seen, not by what is stored', () => {
    const text = table(
      ['A', 'B'],
      [
        ['日本', 'x'],
        ['ab', '\u001b[1my\u001b[0m'],
      ],
    );
    expect(text).toBe('A     B\n日本  x\nab    y\n');
  });

  test('what is too wide loses the ends of its widest cells, and stays in its lines', () => {
    const text = table(
      ['NAME', 'N'],
      [
        ['a'.repeat(50), '1'],
        ['two\nlines', '2'],
      ],
      20,
    );
    expect(text.split('\n').every((line) => line.length <= 20)).toBe(true);
    expect(text).toContain(`${'a'.repeat(16)}…  1\n`);
    expect(text).toContain('two lines');
  });

  test('nothing is cut where nobody looks', () => expect(table(['A'], [['x'.repeat(500)]])).toContain('x'.repeat(500)));

  test('a wide character is not cut in half', () => expect(cut('日本語', 4)).toBe('日…'));
});

describe('quantities', () => {
  const sizes: readonly (readonly [number | null, string])[] = [
    [null, '–'],
    [0, '0 B'],
    [999, '999 B'],
    [1500, '1.5 kB'],
    [250e6, '250 MB'],
    [9.94e9, '9.9 GB'],
  ];
  for (const [count, text] of sizes) test(`${count} bytes are ${text}`, () => expect(bytes(count)).toBe(text));
  const times: readonly (readonly [number | null, string])[] = [
    [null, '–'],
    [-1, '0 s'],
    [42, '42 s'],
    [271, '4:31 min'],
    [7500, '2:05 h'],
  ];
  for (const [seconds, text] of times) test(`${seconds} s are ${text}`, () => expect(duration(seconds)).toBe(text));
});

function recorder(parts: Partial<Terminal>): { terminal: Terminal; said: string[] } {
  const said: string[] = [];
  const terminal: Terminal = {
    isInteractive: false,
    hasColor: false,
    columns: null,
    out: () => {},
    say: (text) => void said.push(text),
    flush: async () => {},
    ...parts,
  };
  return { terminal, said };
}

describe('progress', () => {
  test('is one line for each tenth when nobody watches', () => {
    const { terminal, said } = recorder({});
    const bar = new ProgressBar(terminal);
    for (let percent = 0; percent <= 100; percent += 1) bar.show(`${percent} MB of 100 MB`, percent / 100);
    bar.end();
    expect(said.length).toBe(11);
    expect(said.join('')).not.toContain('\u001b');
  });

  test('redraws one line that fits the screen', () => {
    const { terminal, said } = recorder({ isInteractive: true, columns: 60 });
    const bar = new ProgressBar(terminal);
    bar.show('a very long label that does not fit beside the bar at all', 0.5);
    bar.show('over', 7);
    bar.end();
    expect(said.every((text) => text.startsWith('\r\u001b[K') && safe(text).length < 60)).toBe(true);
    expect(said[0]).toContain('████████████░░░░░░░░░░░░ 50 %');
    expect(said[1]).toContain(' 100 %');
  });
});

describe('a slip of the keyboard', () => {
  const names = ['serve', 'ps', 'models', 'requests', 'logs', 'load', 'unload', 'engines', 'doctor'];
  const cases: readonly (readonly [string, string | null])[] = [
    ['lgos', 'logs'],
    ['modles', 'models'],
    ['req', 'requests'],
    ['docter', 'doctor'],
    ['xyzzy', null],
    ['', null],
  ];
  for (const [word, name] of cases) test(`"${word}" means ${name}`, () => expect(nearestName(word, names)).toBe(name));
});

test('loopback is exempt from proxies, beside what was exempt', () => {
  const environment: Record<string, string | undefined> = { NO_PROXY: 'intern.example' };
  exemptLoopback(environment);
  expect(environment.NO_PROXY).toBe('intern.example,127.0.0.1,localhost,::1,[::1]');
  expect(environment.no_proxy).toBe(environment.NO_PROXY);
});
