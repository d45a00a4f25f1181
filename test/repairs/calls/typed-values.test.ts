// Values get the types of the tool's schema, where they can be read so in one way only.
import { expect, test } from 'bun:test';
import { fitsSchema, typedArguments, typedTexts } from '#src/repairs/calls/typed-values.ts';

const of = (property: { readonly [key: string]: unknown }) => ({
  properties: { v: property },
  $defs: { count: { type: 'integer' } },
});

test.each([
  [{ type: 'string' }, ' 5\n', ' 5\n'],
  [{ type: 'string' }, 'null', 'null'],
  [{ type: ['string', 'null'] }, 'null', null],
  [{ type: 'string', nullable: true }, 'null', null],
  [{ type: ['string', 'integer'] }, '5', '5'],
  [{ type: 'integer' }, '5', 5],
  [{ type: 'integer' }, '5.0', 5],
  [{ type: 'integer' }, '5.5', '5.5'],
  [{ type: 'integer' }, '90071992547409931', '90071992547409931'],
  [{ type: 'number' }, ' 1e3 ', 1000],
  [{ type: 'number' }, 'many', 'many'],
  [{ type: 'boolean' }, 'True', true],
  [{ type: 'boolean' }, 'yes', 'yes'],
  [{ type: 'object' }, "{'a': None}", { a: null }],
  [{ type: 'array', items: { type: 'integer' } }, '["1", 2]', [1, 2]],
  [{ type: 'array' }, '{"a": 1}', '{"a": 1}'],
  [{ anyOf: [{ type: 'integer' }, { type: 'null' }] }, '7', 7],
  [{ $ref: '#/$defs/count' }, '7', 7],
  [{ $ref: '#/$defs/none' }, '7', 7],
  [{ enum: [1, 2] }, '2', 2],
  [{ enum: ['1', '2'] }, '2', '2'],
  [{ const: true }, 'true', true],
  [{}, '[1]', [1]],
  [{}, '01', '01'],
  [{}, '1.50', '1.50'],
  [{}, 'text', 'text'],
])('as %j the text %j is %j', (property, text, value) => {
  expect<unknown>(typedTexts(of(property), [['v', text]])).toEqual({ v: value });
});

test.each([
  [{ type: 'integer' }, '5', 5],
  [{ type: 'string' }, 5, '5'],
  [{ type: 'string' }, '5', '5'],
  [{ type: 'object', properties: { n: { type: 'number' } } }, { n: '1' }, { n: 1 }],
  [{ type: 'object', properties: { n: { type: 'number' } } }, '{"n": "1"}', { n: 1 }],
  [{}, '5', '5'],
  [{ anyOf: [{ type: 'string' }, { type: 'integer' }] }, '5', '5'],
  [{ anyOf: [{ type: 'object', required: ['n'], properties: { n: { type: 'integer' } } }] }, { n: '1' }, { n: 1 }],
])('as %j the value %j is %j', (property, before, after) => {
  const given = { v: before };
  const typed = typedArguments(of(property), given);
  expect<unknown>(typed.args).toEqual({ v: after });
  expect(typed.changed).toBe(JSON.stringify(before) !== JSON.stringify(after));
  if (!typed.changed) expect(typed.args).toBe(given);
});

test('a schema that refers to itself ends', () => {
  const schema = { $ref: '#' };
  expect(typedArguments(schema, { v: '1' }).args).toEqual({ v: '1' });
});

test('arguments fit when all that is required is there and nothing unknown', () => {
  const schema = { properties: { a: {}, b: {} }, required: ['a'] };
  expect([{ a: 1 }, { a: 1, b: 2 }, { b: 2 }, { a: 1, c: 3 }].map((args) => fitsSchema(schema, args))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
