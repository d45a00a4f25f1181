/** @jsxImportSource @kitajs/html */
/** A load that somebody tries from the form: how far it is, what its engine says, and how it ended. */
import { Doing, look } from '../monitor/model-card.tsx';
import { Badge } from '../parts/badge.tsx';
import { domKey } from '../parts/dom-key.ts';
import type { RowDoing } from './row.tsx';

export type TrialData = {
  readonly id: string;
  readonly name: string;
  readonly doing: RowDoing;
  /** The newest lines of its engine, oldest first. */
  readonly lines: readonly string[];
};

/** Where the form shows it. */
export const trialPlaceId = 'load-trial';

/** A trial's address; `/live` keeps it. */
export const trialId = (modelId: string): string => `load-trial-${domKey(modelId)}`;

export function Trial({ trial }: { trial: TrialData }): JSX.Element {
  const { id, name, doing, lines } = trial;
  return (
    <section class="trial" id={trialId(id)} data-phase={doing.phase} aria-label={`Load of ${name}`}>
      <p class="outlook__head" role="status">
        {doing.phase === 'missing' ? <Badge icon="failed" word="missing" tone="danger" /> : <Badge {...look(doing)} />}
        <span safe>{wordsOf(trial)}</span>
      </p>
      {doing.phase === 'missing' ? <p safe>{doing.message}</p> : <Doing doing={doing} name={name} />}
      {lines.length === 0 ? (
        ''
      ) : (
        <section class="trial__lines" tabindex="0" aria-label="The last lines of its log">
          <pre safe>{lines.join('\n')}</pre>
        </section>
      )}
      <a href={`/logs?source=${encodeURIComponent(id)}`}>All of its log</a>
    </section>
  );
}

function wordsOf({ name, doing }: TrialData): string {
  switch (doing.phase) {
    case 'ready':
      return `${name} is loaded with these settings.`;
    case 'failed':
      return `${name} could not be loaded so.`;
    case 'stopping':
      return 'What ran before is stopped first.';
    case 'idle':
      return `${name} waits for its turn to load.`;
    default:
      return `${name} is being loaded.`;
  }
}
