/** Updates of engines: whether Flow looks for them, what came of the last ones, and the way back. Pure. */
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { type Finding, good, warning } from './finding.ts';

const MODES: Readonly<Record<string, string>> = {
  off: 'Newer engines are looked for only when you ask.',
  check: 'Newer engines are looked for once a day, and told of.',
  update: 'Newer engines are looked for once a day, and used when they pass their trial.',
};
const GOOD_OUTCOMES: ReadonlySet<unknown> = new Set(['updated', 'up-to-date', 'cancelled']);

/** `found` as `/api/engines` answers; a gateway that says nothing of updates gives nothing. */
export function checkUpdates(found: JsonObject): readonly Finding[] {
  const check = 'updates';
  const mode = MODES[stringOrNull(found.auto_update) ?? ''];
  if (mode === undefined) return [];
  const kinds = isObject(found.kinds) ? Object.entries(found.kinds) : [];
  const parts = kinds.flatMap(([kind, part]) => (isObject(part) ? [{ kind, part }] : []));
  const ways = parts.flatMap(({ kind, part }) => {
    const former = stringOrNull(part.rollback_to);
    return former === null ? [] : [` ${former} is kept to go back to (flow engines rollback ${kind}).`];
  });
  const troubles = parts.flatMap(({ kind, part: { last_update: last } }) => {
    if (!isObject(last) || GOOD_OUTCOMES.has(last.outcome)) return [];
    const says = `The last update of ${kind} changed nothing: ${stringOrNull(last.message) ?? ''}`;
    return [warning(check, says, stringOrNull(last.hint) ?? `flow engines update ${kind}`)];
  });
  return [good(check, mode + ways.join('')), ...troubles];
}
