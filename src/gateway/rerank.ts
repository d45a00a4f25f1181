/** POST /v1/rerank: documents in the order of their relevance, for clients of Jina, Cohere, TEI and llama-server. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { type Door, enterRead, verbatimDoor } from './doors.ts';
import { plainChatVoice } from './inability.ts';
import { type JsonBody, readBody } from './json-body.ts';
import type { GatewayServices } from './services.ts';

const PATH = '/v1/rerank';

/**
 * Answers it. The engine takes texts only and returns none: documents that are objects are read by their `text`, and
 * given back where `return_documents` asks for them.
 */
export async function rerank(services: GatewayServices, request: Request): Promise<Response> {
  const { read, place } = await readBody(services.bodies, request);
  const asked = read instanceof Fault ? read : askedBy(read);
  const door = asked instanceof Fault ? doorFor(null) : doorFor(asked);
  const entered = asked instanceof Fault ? asked : read;
  const response = await enterRead(services, door, { request, read: entered, place, modelId: null, isStream: false });
  const wantsDocuments = !(asked instanceof Fault) && asked.body.return_documents === true;
  if (!response.ok || !wantsDocuments) return response;
  return withDocuments(response, asked.documents);
}

type Asked = { readonly json: JsonBody; readonly body: JsonObject; readonly documents: readonly unknown[] };

function askedBy(json: JsonBody): Asked | Fault {
  const { body } = json;
  const field = body.documents === undefined && body.texts !== undefined ? 'texts' : 'documents';
  const documents = body[field];
  if (!Array.isArray(documents)) return new Fault('invalid-request', `${field}: a list of texts is required.`);
  const texts = documents.map(textOf);
  const at = texts.indexOf(null);
  if (at >= 0) return new Fault('invalid-request', `${field}.${at}: a text, or an object with one, is required.`);
  if (texts.every((text, index) => text === documents[index])) return { json, body, documents };
  const plain = { ...body, [field]: texts };
  return { json: { ...json, body: plain, text: JSON.stringify(plain) }, body, documents };
}

function textOf(document: unknown): string | null {
  return typeof document === 'string' ? document : isObject(document) ? stringOrNull(document.text) : null;
}

function doorFor(asked: Asked | null): Door {
  const door = verbatimDoor(PATH);
  return {
    voice: plainChatVoice,
    order: (arrived) => door.order(asked ? { ...arrived, json: asked.json } : arrived),
  };
}

/** Each result with the document that it ranks, in the shape that Jina and Cohere give: `{ text }`. */
async function withDocuments(response: Response, documents: readonly unknown[]): Promise<Response> {
  const { status, headers } = response;
  const answer: unknown = await response.json();
  if (!isObject(answer) || !Array.isArray(answer.results)) return Response.json(answer, { status, headers });
  const results = answer.results.map((result: unknown) => {
    if (!isObject(result) || typeof result.index !== 'number') return result;
    const document = documents[result.index];
    return { ...result, document: typeof document === 'string' ? { text: document } : document };
  });
  const named = new Headers(headers);
  named.delete('content-length');
  return Response.json({ ...answer, results }, { status, headers: named });
}
