/** Markup that htmx cannot misread. The whole corpus in a real browser: test/browser/monitor.test.ts. */
import { expect, test } from 'bun:test';
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

test('an asynchronous view is a mistake', () => {
  expect(() => markupOf(Promise.resolve('late'))).toThrow('not asynchronous');
});
