/** Configuration files as people really have them, put together at random, under every agent's plan. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { AgentFacts } from '#src/agents/agent.ts';
import { AGENTS } from '#src/agents/agents.ts';
import { type Edit, edited, type Format, parsed, reverted } from '#src/agents/edit.ts';

const FACTS: AgentFacts = {
  baseUrl: 'http://127.0.0.1:3377',
  apiKey: 'k"ey\\#: ',
  modelId: 'org/Modell:é "q"',
  modelName: 'M # one',
  contextTokens: 65_536,
  capabilities: { tools: true, thinking: true, vision: true, embedding: false },
  home: '/h',
  environment: {},
};
const EDITS: readonly Edit[] = AGENTS.flatMap((agent) => agent.plan(FACTS, () => false).edits);

/** Pieces that may stand in one file together, each with comments that must stay; `HEAD` comes before all tables. */
const PIECES: { readonly [Kind in Format]: readonly string[] } = {
  json: [
    '// alone',
    '"other": [1, 2, /* within */ 3],',
    '"env": {\n\t\t"ANTHROPIC_MODEL": "old", // behind\n\t},',
    '"models": { "mode": "replace" /* kept */ },',
    "'single': 'it\\'s', // quotes",
    'bare: { },',
    '"u": "http://x//y \\" /* no */",',
    '"model": { "name": "q" },',
    '"providers": {\n  // empty but for this\n},',
    '"modelProviders": {"openai": [{"id": "theirs"}, {"id": "org/Modell:é \\"q\\"", "name": "old"}]},',
  ],
  yaml: [
    '# alone',
    'other:\n  - a # within\n  -   b: 1\n      c: 2',
    'text: |\n  model: no\n  # no comment\n  ---x',
    'folded: >-\n  models:\n  - x',
    'base: &anchor\n    deep: 1 # deep',
    'merged:\n  <<: *anchor\n  own: 2',
    "\"quoted # key\": 'it''s' # behind",
    'flow: {a: [1, 2], b: "}"}',
    'weak-model: old # it\'s "mine"',
    'multi: "two\n  lines"',
  ],
  toml: [
    '# alone',
    '"quoted # key" = \'C:\\x\' # behind',
    'numbers = [\n  "]", # within\n  2,\n]',
    'text = """\nmodel = "no"\n[no]\n"""',
    'dotted.key.name = 1979-05-27T07:32:00Z',
    'inline = { a = "}", b = [1] }',
    'model_context_window=1#tight',
  ],
};
/** Only behind everything of the top. */
const TABLES: readonly string[] = [
  '[[list]]\nmodel = "no"\n[[list]]\nname = "no" # second',
  '[ profiles . "x y" ] # spaced\nmodel = "no"',
  '[model_providers.other]\nname = "o"\n\n# last word',
  '[model_providers."flow"]\nname = "old" # mine\nextra = 1',
];

function document(format: Format, pieces: readonly string[], tables: readonly string[]): string {
  if (format === 'json') return `{\n${pieces.join('\n')}\n}\n`;
  return `${[...pieces, ...(format === 'toml' ? tables : [])].join('\n')}\n`;
}

describe('a file of odd pieces', () => {
  for (const format of ['json', 'yaml', 'toml'] as const) {
    test(`${format}: says what was meant, keeps comments, marks and line ends, and goes back`, () => {
      const pieces = fc.shuffledSubarray([...PIECES[format]]);
      const edits = EDITS.filter((edit) => edit.format === format);
      const all = fc.tuple(
        pieces,
        fc.shuffledSubarray([...TABLES]),
        fc.constantFrom(...edits),
        fc.boolean(),
        fc.boolean(),
      );
      fc.assert(
        fc.property(all, ([some, tables, edit, hasMark, isWindows]) => {
          const plain = document(format, some, tables);
          // What an alias means is read here as the reader does it: an anchor must stand before.
          fc.pre(!plain.includes('*anchor') || /&anchor[\s\S]*\*anchor/.test(plain));
          const text = (hasMark ? '\uFEFF' : '') + (isWindows ? plain.replaceAll('\n', '\r\n') : plain);
          const after = edited(edit, text);
          expect(edited(edit, after)).toBe(after);
          expect(after.startsWith('\uFEFF')).toBe(hasMark);
          expect(/(?<!\r)\n/.test(after)).toBe(!isWindows);
          for (const [comment] of plain.matchAll(
            /(?:#|\/\/|\/\*) ?(?:alone|within|behind|kept|quotes|deep|it's "mine"|tight)/g,
          )) {
            expect(after).toContain(comment);
          }
          expect(parsed(format, reverted(edit, after, text).text)).toEqual(parsed(format, text));
        }),
        { seed: 11, numRuns: 300 },
      );
    });
  }
});

describe('YAML', () => {
  const edit: Edit = { path: '/x', format: 'yaml', changes: [{ at: ['model'], value: 'new' }] };

  test('a first key behind a byte order mark is found, not written a second time', () => {
    expect(edited(edit, '\uFEFFmodel: old\n')).toBe('\uFEFFmodel: new\n');
  });

  test('a key in a form that is not edited is refused, not written a second time', () => {
    expect(() => edited(edit, '? model\n: old\n')).toThrow('block form');
  });

  test('a key that a merge brings in gets a line of its own', () => {
    expect(edited(edit, 'a: &a\n  model: old\n<<: *a\n')).toBe('a: &a\n  model: old\n<<: *a\nmodel: new\n');
  });

  test('a comment with quotes in it stays', () => {
    expect(edited(edit, 'model: "a # b" # it\'s "mine"\n')).toBe('model: new # it\'s "mine"\n');
  });
});
