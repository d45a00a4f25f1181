/** Engines that somebody else started: which of those that are connected answer now. Pure. */
import { type JsonObject, stringOrNull } from '#src/json.ts';
import { objects } from '../models.ts';
import { type Finding, good, warning } from './finding.ts';

/** Nothing where nothing is connected. `found` as `/api/external` answers. */
export function checkExternal(found: JsonObject): readonly Finding[] {
  const check = 'external';
  const connected = objects(found.connected);
  const gone = connected.filter(({ is_reachable, phase }) => is_reachable !== true && phase === 'failed');
  const models = connected.length === 1 ? '1 model' : `${connected.length} models`;
  if (connected.length === 0) return [];
  if (gone.length === 0) return [good(check, `${models} of engines that somebody else started, none of them gone.`)];
  return gone.map(({ model_id, base_url, error }) => {
    const name = stringOrNull(model_id) ?? '';
    const says = stringOrNull(error) ?? `${name} cannot be reached.`;
    const fix = `Start its engine at ${stringOrNull(base_url)} again, or: flow external disconnect ${name}`;
    return warning(check, says, fix);
  });
}
