/** Values that a JSON schema takes, and such as are nearly right: what the fuzz sends. */
import fc from 'fast-check';
import { isObject, type JsonObject, numberOrNull } from '#src/json.ts';

/** A schema among its document, where `$ref`s lead. */
export type SchemaPlace = { readonly schema: JsonObject; readonly document: JsonObject };

/** A body as it is sent: JSON, or a text that is none. */
export type SentBody = {
  readonly text: string;
  readonly type: string;
  /** What was done to it. */
  readonly kind: string;
};

const DEPTH_MAX = 5;
const JSON_TYPE = 'application/json';

/** Texts at which careless code stumbles. */
const ODD_TEXTS = [
  '',
  ' ',
  '0',
  '-1',
  'null',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '\u0000',
  '\ud800',
  '𝕱𝖑𝖔𝖜 👋🏽',
  '%00%2e%2e',
  "'; DROP TABLE models; --",
  '<img src=x onerror=alert(1)>',
  `${'A'.repeat(70_000)}`,
  'a/b/c',
  '{}',
] as const;
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1e99,
  -1e-9,
  Number.MAX_SAFE_INTEGER + 1,
  '5',
  [],
  {},
  [[[[]]]],
  { $ref: '#' },
];

/** Any text, often an odd one. */
export const oddText = (): fc.Arbitrary<string> =>
  fc.oneof(fc.constantFrom(...ODD_TEXTS), fc.string({ maxLength: 40, unit: 'binary' }));

/** Values that the schema takes, as far as it says. */
export function validValue({ schema, document }: SchemaPlace, depth = 0): fc.Arbitrary<unknown> {
  const at = (inner: unknown): SchemaPlace => ({ schema: isObject(inner) ? inner : {}, document });
  if (typeof schema.$ref === 'string') return validValue(at(resolved(schema.$ref, document)), depth + 1);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (Array.isArray(schema.anyOf)) return fc.oneof(...schema.anyOf.map((one) => validValue(at(one), depth)));
  if (Array.isArray(schema.type))
    return fc.oneof(...schema.type.map((type) => validValue(at({ ...schema, type }), depth)));
  switch (schema.type) {
    case 'string':
      return textOf(schema);
    case 'integer':
      return fc.integer({ min: boundOf(schema.minimum, -10), max: boundOf(schema.maximum, 100_000) });
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return depth > DEPTH_MAX
        ? fc.constant([])
        : fc.array(validValue(at(schema.items), depth + 1), {
            minLength: numberOrNull(schema.minItems) ?? 0,
            maxLength: 3,
          });
    case 'object':
      return objectOf({ schema, document }, depth);
    default:
      return fc.oneof(fc.constantFrom(...ODD_VALUES), fc.string({ maxLength: 20 }), fc.jsonValue({ maxDepth: 2 }));
  }
}

/** Bodies: right ones, and ones with one thing wrong. */
export function sentBody(place: SchemaPlace): fc.Arbitrary<SentBody> {
  const valid = validValue(place);
  const json = (kind: string, values: fc.Arbitrary<unknown>): fc.Arbitrary<SentBody> =>
    values.map((value) => ({ text: JSON.stringify(value) ?? 'null', type: JSON_TYPE, kind }));
  return fc.oneof(
    { weight: 5, arbitrary: json('valid', valid) },
    { weight: 4, arbitrary: json('one field of another type', fc.tuple(valid, fc.nat(), oddValue()).map(withOther)) },
    { weight: 2, arbitrary: json('one field missing', fc.tuple(valid, fc.nat()).map(withoutOne)) },
    { weight: 2, arbitrary: json('a field that nobody knows', fc.tuple(valid, oddText(), oddValue()).map(withMore)) },
    { weight: 2, arbitrary: fc.tuple(valid, fc.nat(1)).map(([value, which]) => polluting(value, which)) },
    { weight: 1, arbitrary: json('no object', oddValue()) },
    { weight: 1, arbitrary: fc.constantFrom(...NO_JSON) },
    {
      weight: 1,
      arbitrary: fc.tuple(json('of another media type', valid), fc.constantFrom(...OTHER_TYPES)).map(retyped),
    },
  );
}

const oddValue = (): fc.Arbitrary<unknown> => fc.oneof(fc.constantFrom(...ODD_VALUES), oddText());
const OTHER_TYPES = [
  'text/plain',
  'application/xml',
  'multipart/form-data; boundary=x',
  'application/json, text/plain',
  'x',
];
const NO_JSON: readonly SentBody[] = [
  '',
  '{',
  '{"a":',
  'null',
  '[]',
  '\ufeff{}',
  `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
  `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
  '{"a":1,"a":2}',
  '{"a":NaN}',
].map((text) => ({ text, type: JSON_TYPE, kind: 'no JSON that is any good' }));

function resolved(ref: string, document: JsonObject): unknown {
  const names = ref.replace(/^#\//, '').split('/');
  return names.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), document);
}

function boundOf(value: unknown, otherwise: number): number {
  const bound = numberOrNull(value) ?? otherwise;
  return Math.max(Math.min(Math.trunc(bound), 2 ** 31 - 1), -(2 ** 31));
}

function numberOf(schema: JsonObject): fc.Arbitrary<number> {
  const min = numberOrNull(schema.minimum) ?? -1_000;
  const max = numberOrNull(schema.maximum) ?? 1_000_000;
  return fc.oneof(
    fc.integer({ min: Math.ceil(min), max: Math.floor(Math.max(max, Math.ceil(min))) }),
    fc.double({ min, max, noNaN: true }),
  );
}

function textOf({ minLength, maxLength, pattern }: JsonObject): fc.Arbitrary<string> {
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern));
  const most = Math.min(numberOrNull(maxLength) ?? 30, 30);
  return fc.string({ minLength: numberOrNull(minLength) ?? 0, maxLength: most });
}

function objectOf({ schema, document }: SchemaPlace, depth: number): fc.Arbitrary<unknown> {
  const { properties, required, additionalProperties } = schema;
  if (!isObject(properties)) {
    const inner = isObject(additionalProperties) ? additionalProperties : {};
    return depth > DEPTH_MAX
      ? fc.constant({})
      : fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), validValue({ schema: inner, document }, depth + 1), {
          maxKeys: 3,
        });
  }
  const requiredKeys = Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
  const fields = Object.entries(properties).map(([name, each]) => {
    return [name, validValue({ schema: isObject(each) ? each : {}, document }, depth + 1)] as const;
  });
  // Of many optional fields some, so that what belongs to one of them is reached.
  const optional = fields.filter(([name]) => !requiredKeys.includes(name));
  const needed = Object.fromEntries(fields.filter(([name]) => requiredKeys.includes(name)));
  return fc
    .tuple(
      fc.record(needed),
      fc
        .subarray(optional, { maxLength: Math.min(4, optional.length) })
        .chain((some) => fc.record(Object.fromEntries(some))),
    )
    .map(([one, other]) => ({ ...one, ...other }));
}

function withOther([value, which, other]: [unknown, number, unknown]): unknown {
  const names = isObject(value) ? Object.keys(value) : [];
  const name = names[which % Math.max(names.length, 1)];
  return name === undefined || !isObject(value) ? other : { ...value, [name]: other };
}

function withoutOne([value, which]: [unknown, number]): unknown {
  if (!isObject(value)) return undefined;
  const names = Object.keys(value);
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => name !== names[which % Math.max(names.length, 1)]),
  );
}

function withMore([value, name, other]: [unknown, string, unknown]): unknown {
  return { ...(isObject(value) ? value : {}), [name]: other };
}

/** The name by which a polluted prototype would be seen. */
export const POLLUTION = 'flowPolluted';

function polluting(value: unknown, which: number): SentBody {
  const evil =
    which === 0
      ? `"__proto__":{"${POLLUTION}":"yes","detail":"1"}`
      : `"constructor":{"prototype":{"${POLLUTION}":"yes"}}`;
  const inner = JSON.stringify(isObject(value) ? value : {}).slice(1);
  return {
    text: `{${evil}${inner === '}' ? '' : ','}${inner}`,
    type: JSON_TYPE,
    kind: 'a field that reaches for prototypes',
  };
}

function retyped([body, type]: [SentBody, string]): SentBody {
  return { ...body, type };
}
