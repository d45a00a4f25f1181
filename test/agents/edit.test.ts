/** Editing configuration files: what is kept, what is refused, how it is taken back. Agents: plans.test.ts. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { type Change, changesOf } from '#src/agents/document.ts';
import { type Edit, edited, type Format, parsed, reverted } from '#src/agents/edit.ts';

const editOf = (format: Format, changes: readonly Change[]): Edit => ({ path: '/x', format, changes });
const NESTED = changesOf(['env'], { FIRST: '1', SECOND: 2 });

describe('JSON with comments', () => {
  const CASES: readonly (readonly [string, string, string])[] = [
    ['nothing', '', '{\n  "env": {\n    "FIRST": "1",\n    "SECOND": 2\n  }\n}\n'],
    ['an empty object', '{}', '{\n  "env": {\n    "FIRST": "1",\n    "SECOND": 2\n  }\n}'],
    ['one line', '{"a":1}', '{"a":1, "env": {"FIRST":"1", "SECOND": 2}}'],
    [
      'tabs, comments and a comma at the end',
      '{\n\t// mine\n\t"env": {\n\t\t"FIRST": "0", // was\n\t},\n}\n',
      '{\n\t// mine\n\t"env": {\n\t\t"FIRST": "1", // was\n\t\t"SECOND": 2,\n\t},\n}\n',
    ],
    [
      'a comment behind the last value',
      '{\n  "env": {\n    "A": 1 // last\n  }\n}\n',
      '{\n  "env": {\n    "A": 1, // last\n    "FIRST": "1",\n    "SECOND": 2\n  }\n}\n',
    ],
    [
      'Windows lines',
      '{\r\n  "a": 1\r\n}\r\n',
      '{\r\n  "a": 1,\r\n  "env": {\r\n    "FIRST": "1",\r\n    "SECOND": 2\r\n  }\r\n}\r\n',
    ],
    [
      'text that looks like marks',
      '{"u": "http://x//y /* no */"}',
      '{"u": "http://x//y /* no */", "env": {"FIRST":"1", "SECOND": 2}}',
    ],
  ];
  for (const [name, before, after] of CASES) {
    test(`${name}: only what is meant changes, and the second time nothing does`, () => {
      const edit = editOf('json', NESTED);
      expect(edited(edit, before)).toBe(after);
      expect(edited(edit, after)).toBe(after);
    });
  }

  test('bare names and single quotes are read and stay', () => {
    const text = `{\n  env: { 'A"': 'it\\'s "so"' },\n}\n`;
    expect(parsed('json', text)).toEqual({ env: { 'A"': 'it\'s "so"' } });
    const after = `{\n  env: { 'A"': 'it\\'s "so"', "FIRST": "1", "SECOND": 2 },\n}\n`;
    expect(edited(editOf('json', NESTED), text)).toBe(after);
  });

  test('an entry of a list is found by its field, and others stay', () => {
    const at = ['models', { where: 'id', is: 'mine' }, 'size'];
    const edit = editOf('json', [{ at, value: 3 }]);
    const text = '{\n  "models": [\n    { "id": "theirs" }, // theirs\n  ]\n}\n';
    const once = edited(edit, text);
    expect(parsed('json', once)).toEqual({ models: [{ id: 'theirs' }, { id: 'mine', size: 3 }] });
    expect(once).toContain('// theirs');
    expect(parsed('json', edited(editOf('json', [{ at, value: 4 }]), once))).toEqual({
      models: [{ id: 'theirs' }, { id: 'mine', size: 4 }],
    });
  });
});

describe('TOML', () => {
  const changes = [
    ...changesOf([], { model: 'qwen', window: 5 }),
    ...changesOf(['providers', 'flow'], { name: 'Flow' }),
  ];

  test('keys of the top go before the first table, comments and strings of several lines stay', () => {
    const before = [
      '# mine',
      'model = "gpt" # was',
      'list = [',
      '  1, # ]',
      ']',
      '',
      '[other]',
      'text = """',
      '[providers.flow]',
      'model = "no"',
      '"""',
      '',
    ];
    const after = [
      '# mine',
      'model = "qwen" # was',
      ...before.slice(2, 5),
      'window = 5',
      ...before.slice(5),
      '[providers.flow]',
      'name = "Flow"',
      '',
    ];
    const edit = editOf('toml', changes);
    const text = edited(edit, before.join('\n'));
    expect(text).toBe(after.join('\n'));
    expect(edited(edit, text)).toBe(text);
  });

  test('a table written as one line is refused instead of being doubled', () => {
    expect(() => edited(editOf('toml', changes), 'providers = { a = 1 }\n')).toThrow('cannot be edited');
  });

  test('a value in quotes with an equals sign and a hash in it is replaced whole', () => {
    const text = edited(editOf('toml', changesOf([], { model: 'q' })), `"a=b" = 1\nmodel = 'x # y' # z\n`);
    expect(text).toBe(`"a=b" = 1\nmodel = "q" # z\n`);
  });
});

describe('YAML', () => {
  test('comments, lists and texts of several lines stay', () => {
    const before =
      '# top\nmodel:\n  default: gpt # mine\n  # more\n\nmodels:\n- name: other\n  roles: [chat]\ntext: |\n  model:\n    no\n';
    const changes = [
      ...changesOf(['model'], { default: 'qwen', size: 5 }),
      ...changesOf(['models', { where: 'name', is: 'Flow' }], { url: 'http://x/v1' }),
    ];
    const edit = editOf('yaml', changes);
    const after =
      '# top\nmodel:\n  default: qwen # mine\n  size: 5\n  # more\n\nmodels:\n- name: other\n  roles: [chat]\n' +
      '- name: Flow\n  url: "http://x/v1"\ntext: |\n  model:\n    no\n';
    expect(edited(edit, before)).toBe(after);
    expect(edited(edit, after)).toBe(after);
  });

  test('a plain value makes room for a mapping, and comes back', () => {
    const edit = editOf('yaml', changesOf(['model'], { default: 'qwen' }));
    const text = edited(edit, 'model: gpt\nother: 1\n');
    expect(text).toBe('model:\n  default: qwen\nother: 1\n');
    expect(reverted(edit, text, 'model: gpt\nother: 1\n').text).toBe('model: gpt\nother: 1\n');
  });

  test('what stands in braces is refused', () => {
    const edit = editOf('yaml', changesOf(['model'], { default: 'qwen' }));
    expect(() => edited(edit, 'model: {default: gpt}\n')).toThrow('block form');
  });
});

describe('what cannot be read is refused with its place', () => {
  const CASES: readonly (readonly [Format, string, RegExp])[] = [
    ['json', '{\n  "a": 1\n  "b": 2\n}', /a comma is missing at line 3, column 3/],
    ['json', '{"a": tru}', /tru is not a value at line 1, column 7/],
    ['json', '{"a": 1} x', /something follows/],
    ['json', '[1]', /no mapping/],
    ['toml', 'a = \nb = 2\n', /TOML Parse error/],
    ['yaml', 'a: [1\nb: 2\n', /YAML Parse error/],
    ['yaml', '- a\n', /no mapping/],
  ];
  for (const [format, text, words] of CASES) {
    test(`${format}: ${JSON.stringify(text)}`, () => expect(() => edited(editOf(format, NESTED), text)).toThrow(words));
  }
});

describe('taking back', () => {
  test('what somebody has changed since is left and named', () => {
    const edit = editOf('json', NESTED);
    const text = edited(edit, '{"own": true}').replace('"SECOND": 2', '"SECOND": 3');
    const { text: rest, left } = reverted(edit, text, '{"own": true}');
    expect(parsed('json', rest)).toEqual({ own: true, env: { SECOND: 3 } });
    expect(left).toEqual(['env.SECOND']);
  });

  test('whatever a file says, an edit says it too, and taking it back says what was said before', () => {
    const name = fc.constantFrom('a', 'b', 'c-d', 'e.f', 'env');
    const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.constantFrom('text', 'a: b # c', '"', 'no', 'x=y', ''));
    const tree = fc.dictionary(name, fc.oneof(leaf, fc.dictionary(name, leaf, { minKeys: 1, noNullPrototype: true })), {
      noNullPrototype: true,
    });
    const wish = fc.record({ at: fc.array(name, { minLength: 1, maxLength: 3 }), value: leaf });
    const written: { readonly [Kind in Format]: (value: object) => string } = {
      json: (value) => `${JSON.stringify(value, null, 2)}\n`,
      yaml: (value) => (Object.keys(value).length === 0 ? '' : `${Bun.YAML.stringify(value, null, 2)}\n`),
      toml: (value) =>
        Object.entries(value)
          .toSorted(([, one]) => (typeof one === 'object' ? 1 : -1))
          .map(([key, one]) =>
            typeof one === 'object'
              ? `[${JSON.stringify(key)}]\n${Object.entries(one)
                  .map(([inner, leaf]) => `${JSON.stringify(inner)} = ${JSON.stringify(leaf)}\n`)
                  .join('')}`
              : `${JSON.stringify(key)} = ${JSON.stringify(one)}\n`,
          )
          .join(''),
    };
    for (const format of ['json', 'yaml', 'toml'] as const) {
      fc.assert(
        fc.property(tree, wish, (before, { at, value }) => {
          // A value where a table is, or the reverse, is the one thing TOML cannot take line by line.
          const text = written[format](before);
          const present = parsed(format, text);
          fc.pre(isPlaceFor(present, at));
          const edit = editOf(format, [{ at, value }]);
          const after = edited(edit, text);
          expect(edited(edit, after)).toBe(after);
          expect(parsed(format, reverted(edit, after, text).text)).toEqual(present);
        }),
        { seed: 7, numRuns: 300 },
      );
    }
  });
});

/** Whether only mappings stand on the way, and none at the place itself. */
function isPlaceFor(document: unknown, at: readonly string[]): boolean {
  let place = document;
  for (const step of at) {
    if (typeof place !== 'object' || place === null) return place === undefined;
    place = Object.hasOwn(place, step) ? Reflect.get(place, step) : undefined;
  }
  return typeof place !== 'object';
}
