/** Templates that want to harm: none hangs, grows, or reaches anything, and the next one is rendered as ever (S-36). */
import { afterAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { checkTemplate, USUAL_TOKENS } from '#src/templates/check.ts';
import { Renderer } from '#src/templates/renderer.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { chatml } from './support/broken.ts';

const renderer = new Renderer({ clock: systemClock });
afterAll(() => renderer[Symbol.dispose]());

const check = (template: string) => checkTemplate({ template, tokens: USUAL_TOKENS, callFormat: null }, renderer);
const grow = (step: string, times: number, use: string): string =>
  `{% set ns = namespace(s=${step.startsWith('[') ? '[1]' : "'aaaaaaaa'"}) %}{% for i in range(${times}) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s | ${use} }}`;

const HOSTILE: readonly (readonly [what: string, template: string])[] = [
  ['a huge range', '{% for i in range(1000000000) %}a{% endfor %}'],
  ['a negative huge range', '{% for i in range(0, -1000000000, -1) %}a{% endfor %}'],
  ['loops in loops', '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}'],
  ['a text that doubles', grow("'", 40, 'upper')],
  ['a text that doubles and is used', grow("'", 26, 'upper')],
  ['a list that doubles', grow('[', 60, 'length')],
  ['a macro that calls itself', '{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}'],
  ['a macro that calls itself twice', '{% macro m(a) %}{{ m(a) }}{{ m(a) }}{% endmacro %}{{ m(1) }}'],
  ['deep parentheses', `{{ ${'('.repeat(200_000)}1${')'.repeat(200_000)} }}`],
  ['deep conditions', `${'{% if true %}'.repeat(30_000)}${'{% endif %}'.repeat(30_000)}`],
  ['lists without an end', `{{ ${'['.repeat(400_000)}`],
  ['blanks that a pattern reads again and again', `${' '.repeat(900_000)}{%`],
  ['10 MB', `${chatml()}${'x'.repeat(10 << 20)}`],
  ['an answer of a megabyte', `${chatml()}${'x'.repeat(1_000_000)}`],
];

test.each(HOSTILE)(
  '%s ends in a verdict within seconds, and the next template is right',
  async (_, template) => {
    const startedMs = performance.now();
    const verdict = await check(template);
    expect(performance.now() - startedMs).toBeLessThan(8_000);
    expect(verdict).toMatchObject({ isValid: false, facts: null });
    expect(verdict.findings).toHaveLength(1);
    expect(await check(chatml())).toMatchObject({ isValid: true, facts: { supportsTools: true } });
  },
  180_000,
);

test.each([
  "{{ messages.constructor.constructor('return process')().env }}",
  "{{ range.constructor('return process')() }}",
  "{{ (messages | first).content.constructor.constructor('return process')() }}",
  "{{ ''.__class__.__mro__[1].__subclasses__() }}",
  '{{ cycler.__init__.__globals__.os.environ }}',
  "{{ self.__init__.__globals__.__builtins__.open('/etc/passwd').read() }}",
  "{% include '/etc/passwd' %}",
  "{% import 'os' as os %}",
  "{{ process.env }}{{ Bun.file('/etc/passwd') }}{{ globalThis }}{{ require('fs') }}{{ self }}",
  "{{ messages.__proto__ }}{{ messages['constructor'] }}{{ range['call'] }}{{ raise_exception.constructor }}",
])('nothing outside is reached by %s', async (template) => {
  const rendered = await renderer.render(template, [{ messages: [{ role: 'user', content: 'hi' }] }]);
  const outcome = rendered.kind === 'rendered' ? rendered.outcomes[0] : rendered;
  expect(outcome?.kind === 'text' ? outcome.text.trim() : '').toBe('');
});

test('one template cannot change another’s world', async () => {
  const evil =
    "{% set d = {'__proto__': {'role': 'x'}} %}{% set ns = namespace() %}{% set ns.__proto__ = d %}{% set range = 1 %}{% set raise_exception = 2 %}";
  await renderer.render(evil, [{ messages: [] }]);
  expect(await renderer.render('{{ range(3) | length }}{{ ({}).role }}', [{}])).toMatchObject({
    outcomes: [{ kind: 'text', text: '3' }],
  });
});

test.skipIf(process.platform !== 'linux')('the process has no environment, and one serves many at once', async () => {
  const many = Promise.all(Array.from({ length: 20 }, (_, index) => renderer.render(`{{ ${index} }}`, [{}])));
  const environment = await Bun.file(`/proc/${renderer.pid}/environ`).text();
  expect(environment).not.toContain('HOME=');
  expect(environment).not.toContain('PATH=');
  const texts = (await many).map((rendered) => rendered.kind === 'rendered' && rendered.outcomes[0]);
  expect(texts).toEqual(Array.from({ length: 20 }, (_, index) => ({ kind: 'text', text: `${index}` })));
});

test('a process that is killed from outside is replaced', async () => {
  await renderer.render('a', [{}]);
  const { pid } = renderer;
  if (pid === null) throw new Error('no process');
  const slow = renderer.render('{% for i in range(1000000) %}{% for j in range(1000000) %}{% endfor %}{% endfor %}', [
    {},
  ]);
  process.kill(pid, 'SIGKILL');
  expect(await slow).toEqual({ kind: 'ended', why: 'memory' });
  expect(await renderer.render('b', [{}])).toMatchObject({ outcomes: [{ text: 'b' }] });
  expect(renderer.pid).not.toBe(pid);
});

test('the process ends with its owner, which answers what still waits', async () => {
  const own = new Renderer({ clock: systemClock });
  await own.render('a', [{}]);
  const { pid } = own;
  if (pid === null) throw new Error('no process');
  const waiting = [own.render('b', [{}]), own.render('c', [{}])];
  own[Symbol.dispose]();
  expect(await Promise.all(waiting)).toEqual([
    { kind: 'ended', why: 'crash' },
    { kind: 'ended', why: 'crash' },
  ]);
  await waitUntil('the end of the process', () => !isAlive(pid));
  expect(own.pid).toBeNull();
});

test('the process ends with an owner that is killed', async () => {
  const module = JSON.stringify(join(import.meta.dir, '../../src/templates/renderer.ts'));
  const clock = JSON.stringify(join(import.meta.dir, '../../src/clock.ts'));
  const owner = Bun.spawn(
    [
      process.execPath,
      '-e',
      `const { Renderer } = await import(${module});
       const { systemClock } = await import(${clock});
       const renderer = new Renderer({ clock: systemClock });
       const endless = '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}';
       void renderer.render(endless, [{}]);
       process.stdout.write(String(renderer.pid));
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const { value } = await owner.stdout.getReader().read();
  const pid = Number(Buffer.from(value ?? []).toString());
  expect(isAlive(pid)).toBe(true);
  owner.kill('SIGKILL');
  await waitUntil('the end of the process', () => !isAlive(pid));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
