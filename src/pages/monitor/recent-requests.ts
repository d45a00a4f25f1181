/** The requests that ended last, for as long as Flow runs. */
import type { RequestView } from '#src/requests/request.ts';

const RECENT_MAX = 12;

/** Newest first, at most twelve. */
export class RecentRequests {
  #views: readonly RequestView[] = [];

  /** Remembers an ended request; told twice, it counts once. */
  add(view: RequestView): void {
    const others = this.#views.filter(({ id }) => id !== view.id);
    this.#views = [view, ...others].slice(0, RECENT_MAX);
  }

  list(): readonly RequestView[] {
    return this.#views;
  }
}
