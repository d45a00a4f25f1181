/** A hub that is not asked the same twice within minutes. */
import type { Clock } from '#src/clock.ts';
import type { Hub, HubBody, HubFile, HubFileName, HubPage, HubQuery, HubRange, HubRepository } from './hub.ts';
import { SharedAnswers } from './shared-answers.ts';

export type CachedHubParts = {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Changes when the hub, or who asks it, changes: then nothing that was answered before counts. */
  readonly edition: () => string;
};

const SEARCH_AGE_MS_MAX = 60_000;
const REPOSITORY_AGE_MS_MAX = 300_000;

/** Remembers lists and descriptions for minutes. Files themselves are not kept. */
export class CachedHub implements Hub {
  readonly #parts: CachedHubParts;
  readonly #pages: SharedAnswers<HubPage>;
  readonly #repositories: SharedAnswers<HubRepository>;
  readonly #files: SharedAnswers<readonly HubFile[]>;

  constructor(parts: CachedHubParts) {
    this.#parts = parts;
    this.#pages = new SharedAnswers(parts.clock, SEARCH_AGE_MS_MAX);
    this.#repositories = new SharedAnswers(parts.clock, REPOSITORY_AGE_MS_MAX);
    this.#files = new SharedAnswers(parts.clock, REPOSITORY_AGE_MS_MAX);
  }

  search(query: HubQuery, signal: AbortSignal): Promise<HubPage> {
    return this.#pages.get(this.#key(query), signal, (asking) => this.#parts.hub.search(query, asking));
  }

  repository(id: string, signal: AbortSignal): Promise<HubRepository> {
    return this.#repositories.get(this.#key(id), signal, (asking) => this.#parts.hub.repository(id, asking));
  }

  files(id: string, revision: string, signal: AbortSignal): Promise<readonly HubFile[]> {
    return this.#files.get(this.#key([id, revision]), signal, (asking) => this.#parts.hub.files(id, revision, asking));
  }

  open(file: HubFileName, range: HubRange, signal: AbortSignal): Promise<HubBody> {
    return this.#parts.hub.open(file, range, signal);
  }

  #key(question: unknown): string {
    return JSON.stringify([this.#parts.edition(), question]);
  }
}
