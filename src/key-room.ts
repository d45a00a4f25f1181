/** Everything about who may use this Flow, put together: the keys, who shows them, and whom a request came from. */
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Bus } from './events.ts';
import { Fault } from './faults.ts';
import { Callers } from './keys/callers.ts';
import { KeyBook } from './keys/key-book.ts';
import type { Logs } from './logs/logs.ts';
import type { Registry } from './models/registry.ts';
import { resolveModel } from './models/resolve.ts';
import type { Settings } from './settings/settings.ts';
import { ensureLocalKey } from './store/local-key.ts';
import type { Store } from './store/open.ts';
import { Credentials } from './web/credentials.ts';

export type KeyRoomParts = {
  readonly config: Pick<Config, 'apiKey' | 'isOpenAllowed' | 'dataDir'>;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly logs: Pick<Logs, 'protect'>;
  readonly store: Store;
  readonly settings: { readonly current: Settings };
  readonly registry: Pick<Registry, 'list'>;
  /** Ends an answer whose key is over. */
  readonly cancel: (requestId: string) => void;
};

/** What `openKeyRoom` makes; all of it is part of a Flow. */
export type KeyRoom = {
  readonly keys: KeyBook;
  readonly callers: Callers;
  readonly credentials: Credentials;
  /** What the command line of Flow's own user shows; null where it could not be written: then nobody can. */
  readonly localKey: string | null;
};

/** No names but those that a model has: what stands in for one today may stand for another tomorrow. */
const NO_STAND_INS = { default_model: '', helper_models_enabled: false, helper_model: '' };

/** Puts it together. `keys` is to be closed before the store. */
export function openKeyRoom(parts: KeyRoomParts): KeyRoom {
  const { config, clock, bus, logs, store, settings, registry, cancel } = parts;
  const localKey = ensureLocalKey(config.dataDir);
  if (localKey !== null) logs.protect(localKey);
  const keys = new KeyBook({
    ...{ store, clock, bus, cancel },
    modelIdOf: (name) => modelIdOf(registry, name),
    protect: (secret) => void logs.protect(secret),
  });
  const credentials = new Credentials({
    apiKey: config.apiKey,
    clock,
    keys,
    localKey,
    isKeyWished: () => settings.current.require_key,
    isOpenAllowed: config.isOpenAllowed,
  });
  return { keys, callers: new Callers(), credentials, localKey };
}

/** The id of the model that somebody means who confines a key; a part of a name is too little to be sure. */
function modelIdOf(registry: Pick<Registry, 'list'>, name: string): string {
  const { model, by } = resolveModel(name, { models: registry.list(), loaded: new Set(), settings: NO_STAND_INS });
  if (by === 'name') return model.id;
  throw new Fault('model-not-found', `There is no model "${name.slice(0, 200)}".`, {
    hint: `Near to it: ${model.id}.`,
  });
}
