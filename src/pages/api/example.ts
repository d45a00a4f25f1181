/** How an operation is asked from a shell. Pure. */
import type { DescribedOperation } from '#src/api-description/describe.ts';
import { COMPONENTS } from '#src/api-description/shape.ts';
import { isObject, type JsonObject, numberOrNull } from '#src/json.ts';
import { quoted } from '#src/pages/requests/curl.ts';

const DEPTH_MAX = 4;
/** What people would write where the name says what belongs there. */
const USUAL: Readonly<Record<string, unknown>> = {
  model: 'flow-demo',
  messages: [{ role: 'user', content: 'Hello' }],
  prompt: 'Hello',
  input: 'Hello',
  content: 'Hello',
  max_tokens: 512,
  hf_id: 'OWNER/NAME',
  base_url: 'http://127.0.0.1:8080',
  name: 'a name',
};

/** The command; the shell takes the key from its environment, where one is asked for. */
export function curlFor(operation: DescribedOperation, schemas: JsonObject, origin: string): string {
  const { method, path, parameters, body, scope } = operation;
  const needed = parameters.filter(({ place, isRequired }) => place === 'query' && isRequired);
  const query = needed.map(({ name }) => `${name}=${name.toUpperCase()}`).join('&');
  const place = path.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase());
  const address = `${origin}${place}${query === '' ? '' : `?${query}`}`;
  const verb = method === (body === null ? 'get' : 'post') ? [] : [`-X ${method.toUpperCase()}`];
  const key = scope === 'public' ? [] : ['-H "authorization: Bearer $FLOW_API_KEY"'];
  const sent =
    body === null
      ? []
      : [
          `-H 'content-type: application/json'`,
          `-d ${quoted(JSON.stringify(exampleOf(body.schema, schemas, 0) ?? {}))}`,
        ];
  return ['curl', ...verb, quoted(address), ...key, ...sent].join(' ').replace(/ (?=-[Hd] )/g, ' \\\n  ');
}

/** The least that a schema takes. */
function exampleOf(schema: JsonObject, schemas: JsonObject, depth: number): unknown {
  if (depth > DEPTH_MAX) return null;
  const inner = (value: unknown): unknown => exampleOf(isObject(value) ? value : {}, schemas, depth + 1);
  if (typeof schema.$ref === 'string') return inner(schemas[schema.$ref.slice(COMPONENTS.length)]);
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (Array.isArray(schema.anyOf)) return inner(schema.anyOf[0]);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'object':
      return objectExample(schema, inner);
    case 'array':
      return [inner(schema.items)];
    case 'integer':
    case 'number':
      return numberOrNull(schema.minimum) ?? 1;
    case 'boolean':
      return true;
    default:
      return 'text';
  }
}

function objectExample(schema: JsonObject, inner: (value: unknown) => unknown): JsonObject {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required.filter((name) => typeof name === 'string') : [];
  const first = Object.keys(properties).slice(0, 1);
  const shown = [
    ...new Set([...('model' in properties ? ['model'] : []), ...(required.length > 0 ? required : first)]),
  ];
  return Object.fromEntries(shown.map((name) => [name, USUAL[name] ?? inner(properties[name])]));
}
