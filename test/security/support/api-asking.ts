/** One request of the fuzz: made from an operation of the description, and judged by what the description promises. */
import fc from 'fast-check';
import { isObject, type JsonObject, jsonOrNull } from '#src/json.ts';
import { validate, violationText } from '#src/repairs/schemas/validate.ts';
import type { ApiSandbox } from './api-sandbox.ts';
import { oddText, POLLUTION, type SentBody, sentBody, validValue } from './schema-values.ts';

export type AskedOperation = {
  readonly method: string;
  readonly path: string;
  readonly what: JsonObject;
};

/** What is sent. */
export type Asked = {
  readonly url: string;
  readonly body: SentBody | null;
  readonly cookie: string | null;
};

export type Answered = {
  readonly status: number;
  readonly type: string;
  readonly text: string;
};

/** A request may take this long on a slow machine; a stream is read no longer than `STREAM_MS`. */
const ANSWER_MS = 30_000;
const STREAM_MS = 300;
const TEXT_MAX = 1 << 20;
/** What a stack, a path of ours or a library would show. */
const INSIDE = /\n\s+at |node_modules|\bsrc\/[\w/-]+\.tsx?|TypeError|ReferenceError|RangeError|SQLITE_|elysia|typebox/i;

/** Every operation that a request can be made for: those that never end are for their own tests. */
export function operationsOf({ paths }: JsonObject): readonly AskedOperation[] {
  return Object.entries(isObject(paths) ? paths : {}).flatMap(([path, methods]) =>
    Object.entries(isObject(methods) ? methods : {}).flatMap(([method, what]) =>
      isObject(what) && what['x-flow-endless'] !== true ? [{ method: method.toUpperCase(), path, what }] : [],
    ),
  );
}

/** Requests for an operation: right ones and wrong ones. */
export function asking({ path, what }: AskedOperation, sandbox: ApiSandbox): fc.Arbitrary<Asked> {
  const parameters = (Array.isArray(what.parameters) ? what.parameters : []).filter(isObject);
  const query = fc.tuple(...parameters.filter((one) => one.in === 'query').map((one) => queryPart(one, sandbox)));
  const filled = path.split('/').map((part) => segment(part, sandbox));
  const body = isObject(what.requestBody) ? sentBody(bodyPlace(what.requestBody, sandbox)) : fc.constant(null);
  return fc.record({
    url: fc
      .tuple(fc.tuple(...filled), query, fc.constantFrom('', '', '', `__proto__[${POLLUTION}]=yes`))
      .map(([parts, wishes, evil]) => {
        const search = [...wishes.flat(), ...(evil === '' ? [] : [evil])].join('&');
        return `${parts.join('/')}${search === '' ? '' : `?${search}`}`;
      }),
    body: isObject(what.requestBody) && what.requestBody.required !== true ? fc.option(body) : body,
    cookie: fc.constantFrom(null, null, `__proto__=${POLLUTION}`, 'flow_session=x; constructor[prototype]=y'),
  });
}

/** Asks, as the owner. A stream is cut after a moment: what it says is for other tests. */
export async function ask(
  { method }: AskedOperation,
  { url, body, cookie }: Asked,
  sandbox: ApiSandbox,
): Promise<Answered> {
  const response = await fetch(sandbox.flow.url + url, {
    method,
    headers: {
      ...sandbox.ownHeaders,
      ...(body === null ? {} : { 'content-type': body.type }),
      ...(cookie === null ? {} : { cookie }),
    },
    body: body?.text ?? null,
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const type = response.headers.get('content-type')?.split(';', 1)[0] ?? '';
  return { status: response.status, type, text: await textOf(response, type) };
}

/** What is wrong with an answer, in words; null when it is as described. */
export function complaint(
  { what }: AskedOperation,
  { status, type, text }: Answered,
  document: JsonObject,
): string | null {
  const responses = isObject(what.responses) ? what.responses : {};
  const described = responses[status];
  if (status === 500) return 'a mistake of Flow itself';
  if (!isObject(described)) return `${status} is not among ${Object.keys(responses).join(', ')}`;
  if (INSIDE.test(text)) return 'it tells of the inside';
  const content = isObject(described.content) ? described.content : {};
  if (Object.keys(content).length === 0) return text === '' ? null : 'a body where none is described';
  const media = content[type];
  if (!isObject(media)) return `the type "${type}" is not among ${Object.keys(content).join(', ')}`;
  if (type !== 'application/json' || media.schema === undefined) return null;
  const value = jsonOrNull(text);
  if (value === null) return 'it is no JSON';
  const root = { ...document, ...(isObject(media.schema) ? media.schema : {}) };
  const [violation] = validate(root, value);
  return violation ? violationText(violation) : null;
}

function bodyPlace({ content }: JsonObject, { document }: ApiSandbox) {
  const media = isObject(content) ? content['application/json'] : null;
  const schema = isObject(media) && isObject(media.schema) ? media.schema : {};
  return { schema, document };
}

/** A part of the path: as it is, or a name that is there, or one that is odd. */
function segment(part: string, { names }: ApiSandbox): fc.Arbitrary<string> {
  const name = /^\{(\w+)\}$/.exec(part)?.[1];
  if (name === undefined) return fc.constant(part);
  const known = names[name] ?? ['nothing'];
  const odd = oddText().map((text) => encoded(text.slice(0, 2_000)) || 'x');
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...known) },
    { weight: 2, arbitrary: odd },
    { weight: 1, arbitrary: fc.constantFrom('%', '%zz', '%ff', '%C3', '%2F', 'a%2Fb', '%E2%80%AE', '..;', '~') },
  );
}

function queryPart({ name, schema, required }: JsonObject, { document }: ApiSandbox): fc.Arbitrary<readonly string[]> {
  const place = { schema: isObject(schema) ? schema : {}, document };
  const value = fc.oneof({ weight: 3, arbitrary: validValue(place) }, { weight: 1, arbitrary: oddText() });
  const part = value.map((one) => [`${String(name)}=${encoded(String(one).slice(0, 2_000))}`]);
  const absent = fc.constant<readonly string[]>([]);
  return required === true ? fc.oneof({ weight: 5, arbitrary: part }, absent) : fc.oneof(part, absent);
}

/** A lone half of a character cannot be encoded. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

async function textOf(response: Response, type: string): Promise<string> {
  const isStream = type === 'text/event-stream' || type === 'application/x-ndjson';
  const reader = response.body?.getReader();
  if (!reader) return '';
  const decoder = new TextDecoder();
  const endMs = performance.now() + (isStream ? STREAM_MS : ANSWER_MS);
  let text = '';
  try {
    while (text.length < TEXT_MAX && performance.now() < endMs) {
      const left = Bun.sleep(endMs - performance.now()).then(() => ({ done: true, value: undefined }));
      const { done, value } = await Promise.race([reader.read(), left]);
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
  return text;
}
