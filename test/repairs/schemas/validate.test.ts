// The validator against a table that a complete implementation of JSON Schema 2020-12 agrees with; its bounds; fitting.
import { describe, expect, test } from 'bun:test';
import { charactersFor, matches } from '#src/repairs/schemas/bounded-pattern.ts';
import { fitArguments } from '#src/repairs/schemas/fit-arguments.ts';
import { grammarPattern } from '#src/repairs/schemas/grammar-pattern.ts';
import { validate, violationText } from '#src/repairs/schemas/validate.ts';
import { quickestMs } from '#test/support/quickest.ts';

const NODE = { type: 'object', properties: { k: { type: 'array', items: { $ref: '#/$defs/N' } } }, required: ['k'] };
// biome-ignore lint/suspicious/noThenProperty: it is JSON Schema's word
const BRANCHES = { if: { required: ['a'] }, then: { required: ['b'] }, else: { required: ['c'] } };
const VALID: readonly (readonly [unknown, unknown, boolean])[] = [
  [{ type: 'string' }, 5, false],
  [{ type: ['string', 'null'] }, null, true],
  [{ type: 'integer' }, 1.5, false],
  [{ type: 'integer' }, 2.0, true],
  [{ type: 'any' }, 1, true],
  [{ enum: ['a', 1] }, 'b', false],
  [{ enum: ['a', { b: [1] }] }, { b: [1] }, true],
  [{ const: { a: 1 } }, { a: 2 }, false],
  [{ minLength: 2 }, 'é', false],
  [{ maxLength: 1 }, '😀', true],
  [{ maxLength: 1 }, 'ab', false],
  [{ pattern: '^a+$' }, 'aab', false],
  [{ pattern: 'b' }, 'abc', true],
  [{ minimum: 3 }, 2, false],
  [{ exclusiveMinimum: 3 }, 3, false],
  [{ maximum: 3 }, 3, true],
  [{ exclusiveMaximum: 3 }, 3, false],
  [{ multipleOf: 0.1 }, 0.3, true],
  [{ multipleOf: 5 }, 7, false],
  [{ minItems: 1 }, [], false],
  [{ maxItems: 1 }, [1, 2], false],
  [{ uniqueItems: true }, [1, 1], false],
  [{ uniqueItems: true }, [{ a: 1 }, { a: 2 }], true],
  [{ items: { type: 'string' } }, ['a', 1], false],
  [{ prefixItems: [{ type: 'string' }], items: false }, ['a', 1], false],
  [{ prefixItems: [{ type: 'string' }] }, ['a', 1], true],
  [{ contains: { type: 'null' } }, [1], false],
  [{ required: ['a'] }, {}, false],
  [{ required: ['a'] }, { a: null }, true],
  [{ properties: { a: { type: 'string' } } }, { a: 1 }, false],
  [{ properties: { a: false } }, { a: 1 }, false],
  [{ additionalProperties: false, properties: { a: {} } }, { b: 1 }, false],
  [{ additionalProperties: { type: 'string' } }, { b: 1 }, false],
  [{ patternProperties: { '^x': { type: 'string' } }, additionalProperties: false }, { xa: '1' }, true],
  [{ patternProperties: { '^x': { type: 'string' } } }, { xa: 1 }, false],
  [{ propertyNames: { maxLength: 1 } }, { ab: 1 }, false],
  [{ minProperties: 1 }, {}, false],
  [{ maxProperties: 0 }, { a: 1 }, false],
  [{ dependentRequired: { a: ['b'] } }, { a: 1 }, false],
  [{ dependentSchemas: { a: { required: ['b'] } } }, { a: 1 }, false],
  [{ allOf: [{ type: 'string' }, { minLength: 2 }] }, 'a', false],
  [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, 1, false],
  [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, null, true],
  [{ oneOf: [{ type: 'number' }, { type: 'integer' }] }, 1, false],
  [{ oneOf: [{ type: 'number' }, { type: 'string' }] }, 1, true],
  [{ not: { type: 'string' } }, 'a', false],
  [BRANCHES, { a: 1 }, false],
  [BRANCHES, { c: 1 }, true],
  [{ $ref: '#/$defs/A', $defs: { A: { type: 'string' } } }, 1, false],
  [{ $ref: '#/$defs/N', $defs: { N: NODE } }, { k: [{ k: [] }, {}] }, false],
  [{ properties: { 'a/b': { type: 'string' }, c: { $ref: '#/properties/a~1b' } } }, { c: 1 }, false],
  [{ format: 'email' }, 'no', true],
  [{ unknown: 1 }, 2, true],
  [true, 1, true],
  [false, 1, false],
  [{}, null, true],
];

describe('a value', () => {
  for (const [schema, value, isValid] of VALID) {
    test(`${JSON.stringify(value)} is ${isValid ? '' : 'not '}${JSON.stringify(schema)}`, () => {
      expect(validate(schema, value).length === 0).toBe(isValid);
    });
  }

  test('is told by path, what belongs there and what is there', () => {
    const schema = {
      properties: { edits: { items: { properties: { line: { type: 'integer' } }, required: ['path'] } } },
    };
    expect(validate(schema, { edits: [{ line: 'x' }] }).map(violationText)).toEqual([
      '`edits[0].path` should be given, not missing',
      '`edits[0].line` should be a whole number, not "x"',
    ]);
  });

  test('is looked at for a bounded time, whatever the schema', () => {
    const circle = { $ref: '#/$defs/A', $defs: { A: { anyOf: [{ $ref: '#/$defs/A' }, { $ref: '#/$defs/A' }] } } };
    const tookMs = quickestMs(1_000, () => {
      validate(circle, 1);
      validate({ items: { type: 'string' } }, Array(100_000).fill(1));
    });
    expect(tookMs).toBeLessThan(1_000);
  });
});

describe('a pattern', () => {
  for (const pattern of ['^(a+)+$', '^(a|a)*$', '(x+x+)+y', '^(a?){30}a{30}$', '^(a)\\1$', '^(?=(a+)+b)']) {
    test(`that could take for ever is not tried: ${pattern}`, () => {
      expect(matches(pattern, 'aaaa')).toBeNull();
    });
  }

  for (const pattern of [
    '^.*.*.*=.*$',
    `${'a?'.repeat(20)}${'a'.repeat(20)}`,
    '^[^\\s@]+@[^\\s@]+\\.[^\\s@]+$',
    'a*b',
  ]) {
    test(`is quick on the longest text that it is tried on: ${pattern}`, () => {
      const tookMs = quickestMs(500, () => {
        expect(matches(pattern, 'a'.repeat(charactersFor(pattern)))).not.toBeNull();
      });
      expect(tookMs).toBeLessThan(500);
    });
  }

  const SPELLINGS: readonly (readonly [string, string | null])[] = [
    ['^[a-z]+$', '^[a-z]+$'],
    ['^\\d{4}-\\d{2}$', '^[0-9]{4}-[0-9]{2}$'],
    ['^[\\w.\\-]+$', '^[a-zA-Z0-9_.-]+$'],
    ['^(?:a|b)+?$', '^(a|b)+$'],
    ['^a\\.+$', '^a(\\.)+$'],
    ['^https?:\\/\\/[a-z]+$', '^https?://[a-z]+$'],
    ['^a', null],
    ['^a|b$', null],
    ['^.*$', null],
    ['^[^a]+$', null],
    ['^\\S+$', null],
    ['^(?=a)a$', null],
    ['^+a$', null],
    ['^[a-z]{5,2}$', null],
    ['^[a-z]{1,5000}$', null],
    ['^([a-z]{1,100}){1,100}$', null],
    ['^(a|)$', null],
    ['^ä+$', null],
    ['^[]a]$', null],
    ['^[z-a]$', null],
    ['^a\\$', null],
    ['$', null],
  ];
  for (const [pattern, spelled] of SPELLINGS) {
    test(`${pattern} is spelled ${spelled} for the grammar`, () => {
      expect(grammarPattern(pattern)).toBe(spelled);
    });
  }
});

describe('an argument', () => {
  const CASES: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ type: 'integer' }, '5', 5],
    [{ type: 'integer' }, '5.5', '5.5'],
    [{ type: 'number' }, '1e3', 1000],
    [{ type: 'boolean' }, 'True', true],
    [{ type: 'string' }, 5, '5'],
    [{ type: 'array' }, 'a', ['a']],
    [{ type: 'array' }, '["a"]', ['a']],
    [{ type: 'object' }, '{"a":1}', { a: 1 }],
    [{ type: ['integer', 'null'] }, '5', 5],
    [{ type: ['integer', 'string'] }, '5', '5'],
    [{ type: 'string', enum: ['Read', 'Write'] }, 'read', 'Read'],
    [{ type: 'string', enum: ['read', 'READ'] }, 'Read', 'Read'],
    [{ properties: { a: { type: 'string' } } }, { a: null }, {}],
    [{ properties: { a: { type: 'string' } }, required: ['a'] }, { a: null }, { a: null }],
    [{ type: 'array', items: { type: 'integer' } }, ['1', 2], [1, 2]],
  ];
  for (const [schema, value, fitted] of CASES) {
    test(`${JSON.stringify(value)} for ${JSON.stringify(schema)} is taken as ${JSON.stringify(fitted)}`, () => {
      expect(fitArguments(schema, value)).toEqual(fitted);
    });
  }
});
