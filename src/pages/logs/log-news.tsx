/** @jsxImportSource @kitajs/html */
/**
 * What open pages of logs are told: who has written how much, and what failed. The lines themselves are asked for by
 * each page, from where it stands; so a slow one loses nothing but time.
 */
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import type { Logs } from '#src/logs/logs.ts';
import type { Lender } from '#src/scheduling/lease.ts';
import { markupOf } from '#src/web/markup.ts';
import { type CrashData, Crashes, crashesId } from '#views/logs/crashes.tsx';
import { logSourcesId, Sources, type SourcesData } from '#views/logs/sources.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { crashes } from './present.ts';

export type LogNewsParts = { readonly logs: Logs; readonly lender: Pick<Lender, 'snapshot'> };

const KEYS: readonly FragmentKey[] = ['sources', 'crashes'];
const SOURCES_MAX = 60;

/** The topic `logs`. */
export class LogNews implements LiveTopic {
  readonly fadingKeys: readonly FragmentKey[] = [];
  readonly #parts: LogNewsParts;
  readonly #run = crypto.randomUUID();

  constructor(parts: LogNewsParts) {
    this.#parts = parts;
  }

  sources(): SourcesData {
    const counts = this.#parts.logs.counts();
    const total = counts.reduce((sum, { lines }) => sum + lines, 0);
    const chips = counts
      .slice(0, SOURCES_MAX)
      .map(({ source, lines }) => ({ source, label: source === 'flow' ? 'Flow' : source, lines }));
    return { run: this.#run, sources: [{ source: '', label: 'Everything', lines: total }, ...chips] };
  }

  crashes(): readonly CrashData[] {
    return crashes(this.#parts.lender.snapshot().models);
  }

  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    switch (event.type) {
      case 'log-line':
        return ['sources'];
      case 'model-changed':
      case 'model-removed':
        return ['crashes'];
      default:
        return [];
    }
  }

  all(): readonly FragmentKey[] {
    return KEYS;
  }

  isAlone(): boolean {
    return true;
  }

  render(key: FragmentKey): string {
    if (key === 'sources') {
      return markupOf(
        <Partial target={logSourcesId} swap="outerMorph">
          <Sources data={this.sources()} current={null} />
        </Partial>,
      );
    }
    return markupOf(
      <Partial target={crashesId} swap="outerMorph">
        <Crashes crashes={this.crashes()} />
      </Partial>,
    );
  }
}
