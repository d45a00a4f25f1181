/** Search with the filters that the hub does not have. */
import { badgesOf } from './badges.ts';
import type { Hub, HubModel, HubPage, HubQuery } from './hub.ts';

/** What a model must be able to do; false = no matter. */
export type Wants = {
  readonly tools: boolean;
  readonly vision: boolean;
  readonly reasoning: boolean;
  /** What else is asked of it; absent = nothing. */
  readonly admits?: (model: HubModel) => boolean;
};

/** A page of a filter that hardly anything passes is given up after so many of the hub's. */
const PAGES_MAX = 5;

/**
 * One page of at most `query.limit` models. Of each of the hub's pages only as much is asked for as is still wanted, so
 * that nothing is lost between two of ours; a page may be short, or empty, and yet not be the last.
 */
export async function findModels(hub: Hub, query: HubQuery, wants: Wants, signal: AbortSignal): Promise<HubPage> {
  const models: HubModel[] = [];
  // This much the hub can tell apart by itself.
  const task = wants.vision ? 'image-text-to-text' : query.task;
  let { cursor } = query;
  for (let page = 0; page < PAGES_MAX && models.length < query.limit; page += 1) {
    const found = await hub.search({ ...query, task, cursor, limit: query.limit - models.length }, signal);
    models.push(...found.models.filter((model) => can(model, wants)));
    cursor = found.nextCursor;
    if (cursor === null) break;
  }
  return { models, nextCursor: cursor };
}

function can(model: HubModel, wants: Wants): boolean {
  const badges = badgesOf(model);
  if (wants.admits && !wants.admits(model)) return false;
  return (!wants.tools || badges.tools) && (!wants.vision || badges.vision) && (!wants.reasoning || badges.reasoning);
}
