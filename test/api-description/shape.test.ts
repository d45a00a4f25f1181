/** The notation of shapes. What is said with it: `describe.test.ts`. */
import { describe, expect, test } from 'bun:test';
import { plainSchema } from '#src/api-description/schema-text.ts';
import { schemaOf } from '#src/api-description/shape.ts';

describe('a shape becomes a schema', () => {
  test.each([
    ['string', { type: 'string' }],
    ['unknown', {}],
    ['number | null', { type: ['number', 'null'] }],
    ["'a' | 'b'", { type: 'string', enum: ['a', 'b'] }],
    ["'a' | null", { anyOf: [{ type: 'string', enum: ['a'] }, { type: 'null' }] }],
    ['string[]', { type: 'array', items: { type: 'string' } }],
    ['(string | null)[]', { type: 'array', items: { type: ['string', 'null'] } }],
    ['Model[][]', { type: 'array', items: { type: 'array', items: { $ref: '#/components/schemas/Model' } } }],
    ['{}', { type: 'object' }],
    ['{ [name]: integer }', { type: 'object', additionalProperties: { type: 'integer' } }],
    [
      '{ id: string, size?: number }',
      { type: 'object', properties: { id: { type: 'string' }, size: { type: 'number' } }, required: ['id'] },
    ],
    ['Model | null', { anyOf: [{ $ref: '#/components/schemas/Model' }, { type: 'null' }] }],
  ])('%s', (shape, schema) => {
    expect(schemaOf(shape)).toEqual(schema);
  });

  test.each(['', 'str', '{ id }', '{ id: string', 'string string', '{ id: string; }', '(string', '[]'])(
    'but %j is none',
    (shape) => {
      expect(() => schemaOf(shape)).toThrow();
    },
  );
});

test('a number that may come as text is published as a number, a choice of words as an enum', () => {
  const numeric = {
    minimum: 1,
    anyOf: [
      { type: 'string', format: 'numeric' },
      { type: 'number', minimum: 1 },
    ],
  };
  expect(plainSchema(numeric)).toEqual({ type: 'number', minimum: 1 });
  expect(
    plainSchema({
      anyOf: [
        { const: 'a', type: 'string' },
        { const: 'b', type: 'string' },
      ],
    }),
  ).toEqual({
    type: 'string',
    enum: ['a', 'b'],
  });
});
