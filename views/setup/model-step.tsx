/** @jsxImportSource @kitajs/html */
/** The second step: something to run. Fetched, taken from where it lies, or the demo. */
import { DownloadRow, type DownloadRowData } from '../library/download-row.tsx';
import { repositoryAddress } from '../library/found.tsx';
import { Badge, type Tone } from '../parts/badge.tsx';
import { ActionButton } from '../parts/button.tsx';
import type { IconName } from '../parts/icon.tsx';
import { bytesText, durationText, pluralText, rateText } from '../parts/quantity.tsx';
import { Tag } from '../parts/tag.tsx';
import { Step, type StepState } from './step.tsx';

export type PickData = {
  /** What it is for, for example `Small and fast`. */
  readonly title: string;
  readonly repository: string;
  readonly file: string;
  readonly quantization: string | null;
  readonly sizeBytes: number;
  readonly needBytes: number;
  readonly hasProjector: boolean;
  readonly verdict: 'fits' | 'tight' | 'too-big';
  /** Expected by what others did on this machine; null when nothing was measured. */
  readonly tokensPerS: number | null;
  /** How long it would take at the speed that was measured; null when none was. */
  readonly takesS: number | null;
  /** `here`: a model of that repository is in the list; `coming`: it is being downloaded. */
  readonly standing: 'offered' | 'coming' | 'here';
};

/** What is asked for in the background: shown as it is known. */
export type Asked<Value> =
  | { readonly phase: 'asking' }
  | { readonly phase: 'known'; readonly value: Value }
  | { readonly phase: 'trouble'; readonly message: string; readonly hint: string | null };

export type LocalModelsData = {
  readonly count: number;
  readonly sizeBytes: number;
  /** For example `8 in LM Studio`. */
  readonly places: readonly string[];
};

export type ModelStepData = {
  readonly state: StepState;
  readonly word: string;
  readonly tookMs: number | null;
  /** Names of the models that can answer, the demo left out. */
  readonly models: readonly string[];
  readonly downloads: readonly DownloadRowData[];
  readonly picks: Asked<readonly PickData[]>;
  readonly local: Asked<LocalModelsData>;
  readonly demo: 'absent' | 'offered' | 'loading' | 'chosen' | 'ready';
  /** How much models may take together on this machine. */
  readonly budgetBytes: number;
};

export const modelStepId = 'setup-model';

const VERDICTS: Readonly<Record<PickData['verdict'], { icon: IconName; word: string; tone: Tone }>> = {
  fits: { icon: 'done', word: 'fits', tone: 'live' },
  tight: { icon: 'queued', word: 'tight', tone: 'waiting' },
  'too-big': { icon: 'failed', word: 'too big', tone: 'danger' },
};

export function ModelStep({ model }: { model: ModelStepData }): JSX.Element {
  const { state, word, tookMs, models, downloads, demo, budgetBytes } = model;
  const hasModel = models.length > 0;
  return (
    <Step id={modelStepId} number={2} title="Model" state={state} word={word} tookMs={tookMs}>
      {hasModel ? (
        <p class="step__facts" safe>
          {models.join(' · ')}
        </p>
      ) : (
        <p class="step__about" safe>
          {`What answers. Models may take ${bytesText(budgetBytes)} of this machine's memory.`}
        </p>
      )}
      {downloads.length === 0 ? (
        ''
      ) : (
        <ul class="downloads">
          {downloads.map((download) => (
            <DownloadRow download={download} />
          ))}
        </ul>
      )}
      {hasModel ? (
        <details class="step__more">
          <summary>Get more</summary>
          <Sources model={model} />
        </details>
      ) : (
        <Sources model={model} />
      )}
      {demo === 'absent' || hasModel ? '' : <Demo demo={demo} />}
    </Step>
  );
}

function Sources({ model: { picks, local } }: { model: ModelStepData }): JSX.Element {
  return (
    <>
      <section class="step__part" aria-labelledby="setup-picks-title">
        <h3 class="step__subtitle" id="setup-picks-title">
          Download one that suits this machine
        </h3>
        <Picks picks={picks} />
        <p class="step__quiet">
          <a href="/models/get">Search the hub for another</a>
        </p>
      </section>
      <section class="step__part" aria-labelledby="setup-local-title">
        <h3 class="step__subtitle" id="setup-local-title">
          Use models you have
        </h3>
        <Local local={local} />
      </section>
    </>
  );
}

function Picks({ picks }: { picks: ModelStepData['picks'] }): JSX.Element {
  if (picks.phase === 'asking') {
    return (
      <p class="step__quiet" aria-busy="true">
        Asking the hub what fits…
      </p>
    );
  }
  if (picks.phase === 'trouble') {
    return (
      <>
        <p class="step__trouble" safe>
          {picks.hint === null ? picks.message : `${picks.message} ${picks.hint}`}
        </p>
        <p class="step__quiet">Files of this machine and the demo work without it.</p>
        <ActionButton action="/setup/model/looking" fields={{}} label="Ask again" description="Ask the hub again" />
      </>
    );
  }
  if (picks.value.length === 0) return <p class="step__quiet">The hub has none of Flow's suggestions at present.</p>;
  return (
    <ul class="picks">
      {picks.value.map((pick) => (
        <Pick pick={pick} />
      ))}
    </ul>
  );
}

function Pick({ pick }: { pick: PickData }): JSX.Element {
  const { title, repository, quantization, sizeBytes, needBytes, verdict, tokensPerS, takesS, hasProjector } = pick;
  const facts = [
    bytesText(sizeBytes),
    `needs ${bytesText(needBytes)} of memory`,
    ...(tokensPerS === null ? [] : [`about ${rateText(tokensPerS)}`]),
    ...(takesS === null ? [] : [`about ${durationText(takesS)} to download`]),
  ];
  return (
    <li class="pick">
      <p class="pick__title" safe>
        {title}
      </p>
      <a class="pick__name" href={repositoryAddress(repository)} safe>
        {repository}
      </a>
      <span class="tags">
        {quantization === null ? '' : <Tag word={quantization} />}
        {hasProjector ? <Tag word="vision" /> : ''}
        <Badge {...VERDICTS[verdict]} />
      </span>
      <p class="pick__facts" safe>
        {facts.join(' · ')}
      </p>
      <PickAction pick={pick} />
    </li>
  );
}

function PickAction({ pick: { repository, file, hasProjector, standing } }: { pick: PickData }): JSX.Element {
  if (standing === 'here') return <Badge icon="done" word="in your list" tone="live" />;
  if (standing === 'coming') return <Badge icon="download" word="on its way" tone="waiting" />;
  return (
    <ActionButton
      action="/setup/model/downloading"
      fields={{ repo: repository, file, ...(hasProjector ? { mmproj: 'yes' } : {}) }}
      label="Download"
      description={`Download ${repository}`}
      variant="primary"
    />
  );
}

function Local({ local }: { local: ModelStepData['local'] }): JSX.Element {
  if (local.phase === 'asking') {
    return (
      <p class="step__quiet" aria-busy="true">
        Looking through other programs' folders…
      </p>
    );
  }
  if (local.phase === 'trouble') {
    return (
      <p class="step__trouble" safe>
        {local.hint === null ? local.message : `${local.message} ${local.hint}`}
      </p>
    );
  }
  const { count, sizeBytes, places } = local.value;
  return (
    <>
      <p safe>
        {count === 0
          ? 'No other program has a model here that is not in your list.'
          : `${pluralText(count, 'model')}, ${bytesText(sizeBytes)}: ${places.join(', ')}.`}
      </p>
      <div class="step__actions">
        {count === 0 ? (
          ''
        ) : (
          <ActionButton
            action="/setup/model/taking"
            fields={{}}
            label={count === 1 ? 'Use it' : `Use all ${count}`}
            description={`Use ${pluralText(count, 'model')} of other programs where they lie`}
          />
        )}
        <a class="button" href="/models/import">
          {count === 0 ? 'Name a file or an engine' : 'Choose, or name a file'}
        </a>
      </div>
    </>
  );
}

const DEMO_WORDS: Readonly<Record<Exclude<ModelStepData['demo'], 'absent'>, string>> = {
  offered: 'flow-demo is a script of a few megabytes that came along with Flow: no use for work, but a way to try it.',
  loading: 'flow-demo is loading…',
  chosen: 'flow-demo loads with the first request.',
  ready: 'flow-demo is loaded and answers.',
};

function Demo({ demo }: { demo: Exclude<ModelStepData['demo'], 'absent'> }): JSX.Element {
  return (
    <section class="step__part" aria-labelledby="setup-demo-title">
      <h3 class="step__subtitle" id="setup-demo-title">
        Or try with the demo
      </h3>
      <p safe>{DEMO_WORDS[demo]}</p>
      {demo === 'offered' ? (
        <ActionButton
          action="/setup/model/demonstrating"
          fields={{}}
          label="Try the demo"
          description="Try the demo model for now"
        />
      ) : (
        ''
      )}
    </section>
  );
}
