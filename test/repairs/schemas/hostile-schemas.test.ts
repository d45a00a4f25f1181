// Schemas made to take long. What relaxing does to real ones: recorded-tools.test.ts and engine-verdicts.test.ts.
import { describe, expect, test } from 'bun:test';
import type { JsonObject } from '#src/json.ts';
import { relaxSchema } from '#src/repairs/schemas/relax-schema.ts';
import { validate } from '#src/repairs/schemas/validate.ts';

/** Far above what it takes on a busy machine, far below the minutes that each of these once took. */
const MS_MAX = 3_000;

const each = (count: number, make: (at: number) => unknown): JsonObject =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, make(at)]));
const text = { type: 'string' };

const HOSTILE: readonly (readonly [name: string, schema: JsonObject])[] = [
  [
    'definitions that each hold all that follow',
    {
      type: 'object',
      $defs: each(2_000, (at) => ({
        allOf: [{ $ref: `#/$defs/p${at + 1}` }, { properties: { [`q${at}`]: text } }],
      })),
      properties: { first: { $ref: '#/$defs/p0' } },
    },
  ],
  [
    'thousands of references that lead nowhere',
    {
      type: 'object',
      properties: each(9_000, (at) => ({ $ref: `#/$defs/gone${at}` })),
      examples: Array.from({ length: 30_000 }, () => ({ some: {} })),
    },
  ],
  [
    'thousands of references to a wide choice',
    {
      type: 'object',
      $defs: each(3_000, () => ({ anyOf: Array.from({ length: 30 }, (_, at) => ({ $ref: `#/$defs/p${at}` })) })),
      properties: each(3_000, (at) => ({ $ref: `#/$defs/p${at}` })),
    },
  ],
  [
    'thousands of alternatives for one property',
    {
      type: 'object',
      properties: {},
      oneOf: Array.from({ length: 5_000 }, (_, at) => ({ properties: { kind: { const: `k${at}` } } })),
    },
  ],
];

describe('a schema', () => {
  for (const [name, schema] of HOSTILE) {
    test(`of ${name} holds nobody up`, () => {
      const startMs = performance.now();
      const { schema: relaxed } = relaxSchema(schema, { isArguments: true });
      validate(
        schema,
        each(9_000, () => 1),
      );
      expect(performance.now() - startMs).toBeLessThan(MS_MAX);
      expect(JSON.stringify(relaxed).length).toBeLessThan(10 * JSON.stringify(schema).length);
    });
  }

  test('with thousands of patterns for names is tried on a long object for a bounded time', () => {
    const patternProperties = Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`^a${at}.*b`, text]));
    const startMs = performance.now();
    validate(
      { type: 'object', patternProperties },
      each(5_000, () => 1),
    );
    expect(performance.now() - startMs).toBeLessThan(MS_MAX);
  });

  test('of a hundred and fifty kinds keeps the word that tells each of them', () => {
    const kinds = Array.from({ length: 150 }, (_, at) => ({ properties: { kind: { const: `k${at}` } } }));
    const { schema } = relaxSchema({ type: 'object', properties: {}, oneOf: kinds }, { isArguments: true });
    const words = kinds.map(({ properties }) => properties.kind);
    expect(schema).toMatchObject({ properties: { kind: { anyOf: words } } });
  });
});
