/** Markup that neither parsers nor htmx misread. The whole corpus in a real browser: test/hostile/pages*.test.ts. */
import { expect, test } from 'bun:test';
import { jsx } from '@kitajs/html/jsx-runtime';
import { markupOf } from '#src/web/markup.ts';

const CASES = [
  { name: 'a tag in a value', from: '<b title="<hx-a x=1>">t</b>', to: '<b title="&lt;hx-a x=1&gt;">t</b>' },
  { name: 'a lone bracket in a value', from: '<i a="1" b="<" c=">">', to: '<i a="1" b="&lt;" c="&gt;">' },
  { name: 'the live fragments themselves', from: '<hx-partial hx-target="#a"><b>x</b></hx-partial>', to: null },
  { name: 'text and entities', from: '<p class="q">"a" &lt;b title=&quot;&gt;&quot;</p>', to: null },
];
for (const { name, from, to } of CASES) {
  test(`attributes hold no angle bracket: ${name}`, () => expect(markupOf(from)).toBe(to ?? from));
}

// `src/web/attributes.patch`: `bun install` makes it part of the renderer.
test('an attribute says what it was given, also when that looks like a reference', () => {
  const name = 'R&amp;D &quot;,&quot;force&quot;:&#34;yes';
  const markup = jsx('input', { value: name });
  expect(markup).toBe('<input value="R&amp;amp;D &amp;quot;,&amp;quot;force&amp;quot;:&amp;#34;yes"/>');
});

test('an asynchronous view is a mistake', () => {
  expect(() => markupOf(Promise.resolve('late'))).toThrow('not asynchronous');
});
