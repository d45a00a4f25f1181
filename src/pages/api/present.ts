/** The description of the API as the page shows it: by group, filtered, in words. Pure. */
import type { DescribedApi, DescribedOperation } from '#src/api-description/describe.ts';
import { TAGS } from '#src/api-description/operation.ts';
import { COMPONENTS } from '#src/api-description/shape.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { type FieldData, type OperationDetail, type OperationHead, shapeAnchor } from '#views/api/operation.tsx';
import type { ApiPageData, Opened } from '#views/api/page.tsx';
import { curlFor } from './example.ts';
import { fieldsOf, noteOf, shapeWords } from './shape-words.ts';

/** What is looked for, what is to be open, and from where one looks. */
export type ApiWish = { readonly query: string; readonly open: string | null; readonly origin: string };

const SUCCESS_MAX = 399;
const MIB = 1 << 20;

/** All that the page shows. */
export function apiPage(api: DescribedApi, { query, open, origin }: ApiWish): ApiPageData {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const { operations, schemas } = api;
  const heads = operations.map((operation) => headOf(operation, words));
  return {
    query,
    origin,
    total: heads.length,
    found: heads.filter(({ isHidden }) => !isHidden).length,
    groups: TAGS.map(({ name, about }) => ({
      name,
      about,
      anchor: anchorOf(name),
      operations: heads.filter((_, index) => operations[index]?.tag === name),
    })),
    shapes: Object.keys(schemas),
    opened: open === null ? null : openedPart(api, open, origin),
  };
}

/** An operation by its id, or a shape by its anchor; null for neither. */
export function openedPart({ operations, schemas }: DescribedApi, id: string, origin: string): Opened | null {
  const operation = operations.find((each) => each.id === id);
  if (operation) return { kind: 'operation', detail: detailOf(operation, schemas, origin) };
  const name = Object.keys(schemas).find((each) => shapeAnchor(each) === id);
  const schema = name === undefined ? null : schemas[name];
  if (name === undefined || !isObject(schema)) return null;
  return { kind: 'shape', detail: { name, fields: fieldsOf(schema), shape: shapeWords(schema) } };
}

function anchorOf(name: string): string {
  return `group-${name.toLowerCase().replaceAll(' ', '-')}`;
}

function headOf(
  { id, method, path, summary, tag, scope }: DescribedOperation,
  words: readonly string[],
): OperationHead {
  const find = `${method} ${path} ${summary} ${tag} ${scope}`.toLowerCase();
  return {
    id,
    method: method.toUpperCase(),
    path,
    summary,
    find,
    isHidden: !words.every((word) => find.includes(word)),
  };
}

function detailOf(operation: DescribedOperation, schemas: JsonObject, origin: string): OperationDetail {
  const { id, method, path, about, scope, body, bodyBytesMax, responses } = operation;
  const answers = responses.filter(({ status }) => status <= SUCCESS_MAX);
  const refusals = responses.filter(({ status }) => status > SUCCESS_MAX);
  return {
    id,
    method: method.toUpperCase(),
    path,
    about,
    scope,
    parameters: operation.parameters.map(parameterData),
    body: body && {
      shape: shapeWords(body.schema),
      fields: fieldsOf(behind(body.schema, schemas)),
      isRequired: body.isRequired,
      limit: `${Math.round(bodyBytesMax / MIB) || 1} MiB`,
    },
    answers: answers.map(({ status, schema, other }) => ({
      status,
      shape: schema === null ? null : shapeWords(schema),
      other,
    })),
    refusals: refusals.map(({ status, about: kinds }) => ({ status, kinds: kinds.replace(/\.$/, '') })),
    curl: curlFor(operation, schemas, origin),
  };
}

/** What a reference stands for; anything else is itself. */
function behind(schema: JsonObject, schemas: JsonObject): JsonObject {
  const named = typeof schema.$ref === 'string' ? schemas[schema.$ref.slice(COMPONENTS.length)] : schema;
  return isObject(named) ? named : schema;
}

function parameterData({
  name,
  place,
  isRequired,
  about,
  schema,
}: DescribedOperation['parameters'][number]): FieldData {
  const note = [about ?? '', place === 'path' ? 'in the path' : noteOf(schema)].filter(Boolean).join(' ');
  return { name, isRequired, shape: shapeWords(schema), note };
}
