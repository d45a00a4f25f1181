/**
 * Requests that came with a key: they see the models that it may use and no others, are recorded under its name, keep
 * their stored answers to themselves, and wait as one caller.
 */
import { openResponses } from '#src/dialects/responses/responses.ts';
import { Fault } from '#src/faults.ts';
import type { Callers } from '#src/keys/callers.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import type { KeyRules } from '#src/keys/key.ts';
import type { KeyBook } from '#src/keys/key-book.ts';
import { whoAsks } from '#src/keys/who.ts';
import type { ModelId } from '#src/models/model.ts';
import type { Resolved } from '#src/models/resolve.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { ResponseMemory } from '#src/responses/memory.ts';
import { lendingBy } from './lend.ts';
import type { GatewayServices, ModelNames } from './services.ts';

export type BehalfParts = {
  /** Of the owner: whoever comes without a key where none is asked for, or with the one that Flow was started with. */
  readonly services: GatewayServices;
  readonly callers: Pick<Callers, 'keyOf'>;
  readonly keys: Pick<KeyBook, 'began'>;
  /** As `ModelNames.resolve`, among these models as if there were no others. */
  readonly resolveAmong: (wanted: string | null, modelIds: ReadonlySet<ModelId>) => Resolved;
};

/** Gives each request what its caller may use. What a key may is made once, and anew when its rules change. */
export function servicesByCaller(parts: BehalfParts): (request: Request) => GatewayServices {
  const made = new WeakMap<KeyRules, GatewayServices>();
  return (request) => {
    const key = parts.callers.keyOf(request);
    if (key === null) return parts.services;
    const held = made.get(key.rules) ?? servicesFor(parts, key);
    made.set(key.rules, held);
    return held;
  };
}

function servicesFor({ services, keys, resolveAmong }: BehalfParts, key: HeldKey): GatewayServices {
  const { models } = key;
  const responses = ownAnswers(services.responses, key);
  return {
    ...services,
    models: models === null ? services.models : confined(services.models, new Set(models), resolveAmong),
    lender: lendingBy(services.lender, (modelId, options) =>
      // Whatever program shows it, the key is one caller.
      services.lender.acquire(modelId, { ...options, caller: `key ${key.id}` }),
    ),
    tracker: recordedAs(services.tracker, key, keys),
    responses,
    dialects: { ...services.dialects, responses: openResponses({ memory: responses, clock: services.clock }) },
  };
}

function confined(
  models: ModelNames,
  allowed: ReadonlySet<ModelId>,
  resolveAmong: BehalfParts['resolveAmong'],
): ModelNames {
  return {
    list: () => models.list().filter(({ id }) => allowed.has(id)),
    resolve: (wanted) => {
      try {
        return resolveAmong(wanted, allowed);
      } catch (cause) {
        if (!(cause instanceof Fault) || cause.kind !== 'model-not-found') throw cause;
        // Said in the same words whether the model is there or not: whoever asks need not know.
        const { message, details } = cause;
        throw new Fault(cause.kind, message, { hint: `This key may use: ${[...allowed].join(', ')}.`, details });
      }
    },
  };
}

function recordedAs(tracker: Tracker, key: HeldKey, keys: BehalfParts['keys']): Tracker {
  return {
    open: (head) => {
      const ticket = tracker.open({ ...head, client: whoAsks(key.rules.name, head.client) });
      keys.began(key, ticket.id);
      return ticket;
    },
    list: () => tracker.list(),
    find: (id) => tracker.find(id),
    cancel: (id) => tracker.cancel(id),
    get openCount() {
      return tracker.openCount;
    },
    get tokensPerS() {
      return tracker.tokensPerS;
    },
  };
}

/** Its own answers; those of others only for a key that may look at everything, to forget only for one that manages. */
function ownAnswers(memory: ResponseMemory, key: HeldKey): ResponseMemory {
  const found = (id: string, method: 'GET' | 'DELETE') => {
    const kept = memory.find(id);
    return kept?.owner === key.id || key.may(method === 'GET' ? 'read' : 'manage', method) ? kept : null;
  };
  return {
    find: (id) => found(id, 'GET'),
    keep: (kept, options) => memory.keep({ ...kept, owner: key.id }, options),
    forget: (id) => found(id, 'DELETE') !== null && memory.forget(id),
  };
}
