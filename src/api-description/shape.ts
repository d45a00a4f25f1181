/**
 * Shapes of JSON in the notation of TypeScript's types, and as JSON Schema: so the catalogue of routes stays readable,
 * and what is published is what tools know.
 *
 * ```
 * type   := one ('|' one)*
 * one    := (simple | 'unknown' | literal | Name | object | '(' type ')') '[]'*
 * simple := 'string' | 'number' | 'integer' | 'boolean' | 'null'
 * object := '{' [ field (',' field)* | '[name]:' type ] '}'
 * field  := name '?'? ':' type
 * ```
 * A name with a capital is one of the document's components. Objects are open: an answer may say more tomorrow.
 */
import { assert } from '#src/assert.ts';
import type { JsonObject } from '#src/json.ts';

const TOKEN = /\s*('[^']*'|[A-Za-z_$][\w$-]*|\[\]|[{}[\]():,|?])/y;
const SIMPLE: ReadonlySet<string> = new Set(['string', 'number', 'integer', 'boolean', 'null']);

/** Where the components of an OpenAPI document are. */
export const COMPONENTS = '#/components/schemas/';

/** The schema of a shape. Throws an assertion for what is none: shapes are written by us. */
export function schemaOf(shape: string): JsonObject {
  const reader = new ShapeReader(shape);
  const schema = reader.type();
  reader.end();
  return schema;
}

class ShapeReader {
  readonly #shape: string;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(shape: string) {
    this.#shape = shape;
    this.#tokens = tokensOf(shape);
  }

  type(): JsonObject {
    const parts = [this.#one()];
    while (this.#takes('|')) parts.push(this.#one());
    return parts.length === 1 ? (parts[0] ?? {}) : anyOf(parts);
  }

  end(): void {
    assert(this.#at === this.#tokens.length, `nothing after ${this.#tokens[this.#at]} in the shape ${this.#shape}`);
  }

  #one(): JsonObject {
    let schema = this.#plain();
    while (this.#takes('[]')) schema = { type: 'array', items: schema };
    return schema;
  }

  #plain(): JsonObject {
    const token = this.#next();
    if (token === '{') return this.#object();
    if (token === '(') {
      const inner = this.type();
      this.#needs(')');
      return inner;
    }
    if (token.startsWith("'")) return { type: 'string', enum: [token.slice(1, -1)] };
    if (SIMPLE.has(token)) return { type: token };
    if (token === 'unknown') return {};
    assert(/^[A-Z]\w*$/.test(token), `a type instead of ${token} in the shape ${this.#shape}`);
    return { $ref: `${COMPONENTS}${token}` };
  }

  #object(): JsonObject {
    if (this.#takes('}')) return { type: 'object' };
    if (this.#takes('[')) {
      for (const token of ['name', ']', ':']) this.#needs(token);
      const additionalProperties = this.type();
      this.#needs('}');
      return { type: 'object', additionalProperties };
    }
    const properties: [string, JsonObject][] = [];
    const required: string[] = [];
    do {
      const name = this.#next();
      if (!this.#takes('?')) required.push(name);
      this.#needs(':');
      properties.push([name, this.type()]);
    } while (this.#takes(','));
    this.#needs('}');
    return {
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length > 0 ? { required } : {}),
    };
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    assert(token !== undefined, `more of the shape ${this.#shape}`);
    this.#at += 1;
    return token;
  }

  #takes(token: string): boolean {
    const isThere = this.#tokens[this.#at] === token;
    if (isThere) this.#at += 1;
    return isThere;
  }

  #needs(token: string): void {
    assert(this.#takes(token), `${token} instead of ${this.#tokens[this.#at]} in the shape ${this.#shape}`);
  }
}

function tokensOf(shape: string): readonly string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < shape.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(shape);
    assert(found !== null, `a shape that can be read at ${at} of ${shape}`);
    tokens.push(found[1] ?? '');
  }
  return tokens;
}

/** Words are one list of possible words; simple types are one list of types. */
function anyOf(parts: readonly JsonObject[]): JsonObject {
  const words = parts.flatMap((part) => (Array.isArray(part.enum) ? part.enum : []));
  const others = parts.filter((part) => part.enum === undefined);
  const all = words.length === 0 ? others : [{ type: 'string', enum: words }, ...others];
  if (all.length === 1) return all[0] ?? {};
  const isSimple = all.every((part) => Object.keys(part).length === 1 && typeof part.type === 'string');
  return isSimple ? { type: all.map((part) => part.type) } : { anyOf: all };
}
