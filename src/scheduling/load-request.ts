/**
 * Reads what a request to load or unload says; load settings are read by `models/launch.ts`. Pure; every mistake is a
 * 400 that names the field.
 */

import type { Static, TSchema } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import type { ModelId } from '#src/models/model.ts';
import { percentDecoded } from '#src/percent.ts';

const UnloadBody = Type.Object({ force: Type.Optional(Type.Boolean()) }, { additionalProperties: false });
const PROBLEMS_MAX = 5;

export type Action = { readonly modelId: ModelId; readonly verb: 'load' | 'unload' };

/**
 * The model and what to do with it, from a path `/api/models/{id}/{verb}`; the id may hold `/`, encoded or not. Null
 * for another verb.
 */
export function actionOf(path: string): Action | null {
  const match = /^\/api\/models\/(?<id>.+)\/(?<verb>load|unload)\/?$/.exec(path)?.groups;
  if (!match?.id) return null;
  const modelId = percentDecoded(match.id);
  return modelId === null ? null : { modelId, verb: match.verb === 'load' ? 'load' : 'unload' };
}

/** Whether to unload although requests would be cut. */
export function readUnload(body: unknown): { readonly force: boolean } {
  return { force: read(UnloadBody, body).force ?? false };
}

function read<Schema extends TSchema>(schema: Schema, body: unknown): Static<Schema> {
  const given = body === undefined || body === null || body === '' ? {} : body;
  if (Value.Check(schema, given)) return given;
  if (!isObject(given)) throw new Fault('invalid-request', 'The body must be a JSON object.');
  const problems = [...Value.Errors(schema, given)].map(({ path, message }) => {
    const field = path.replace(/^\//, '').replaceAll('/', '.');
    return message === 'Unexpected property' ? `there is no field "${field}"` : `${field}: ${message.toLowerCase()}`;
  });
  throw new Fault(
    'invalid-request',
    `The request is not valid: ${[...new Set(problems)].slice(0, PROBLEMS_MAX).join('; ')}.`,
  );
}
