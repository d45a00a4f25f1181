/** @jsxImportSource @kitajs/html */
/** Every engine of every kind: which is used, what is newer, and how an installation or its trial goes. */
import { Badge } from '#views/parts/badge.tsx';
import { ActionButton } from '#views/parts/button.tsx';
import { domKey } from '#views/parts/dom-key.ts';
import { Progress } from '#views/parts/gauge.tsx';
import { bytesText, percentText } from '#views/parts/quantity.tsx';
import { Tag } from '#views/parts/tag.tsx';

export type EngineRowData = {
  readonly id: string;
  readonly version: string | null;
  readonly origin: string;
  readonly executable: string;
  /** Null when that is not known. */
  readonly sizeBytes: number | null;
  readonly isChosen: boolean;
  readonly isRemovable: boolean;
};

export type EngineStepData = { readonly name: string; readonly outcome: string; readonly words: string };

export type EngineWorkData =
  | {
      readonly kind: 'install' | 'update';
      readonly message: string;
      /** Null when it cannot be told. */
      readonly ratio: number | null;
      readonly steps: readonly EngineStepData[];
      /** The question that is being asked now. */
      readonly step: string | null;
    }
  | { readonly kind: 'failed'; readonly message: string };

export type EngineReportData = {
  readonly outcome: string;
  readonly isGood: boolean;
  readonly message: string;
  readonly hint: string | null;
  readonly endedAtMs: number | null;
  readonly steps: readonly EngineStepData[];
};

export type EngineKindData = {
  readonly kind: string;
  /** False before the first look is over. */
  readonly isSeen: boolean;
  readonly engines: readonly EngineRowData[];
  readonly broken: readonly { readonly id: string; readonly origin: string; readonly reason: string }[];
  readonly latest: string | null;
  readonly isNewer: boolean;
  readonly isChecking: boolean;
  readonly checkTrouble: string | null;
  /** Id of the engine to go back to; null = none. */
  readonly rollbackTo: string | null;
  readonly fixedBy: string | null;
  readonly work: EngineWorkData | null;
  readonly report: EngineReportData | null;
};

export const enginesId = 'settings-engines';

const ORIGINS: Readonly<Record<string, string>> = {
  installed: 'installed by Flow',
  homebrew: 'Homebrew',
  path: 'found on the PATH',
  environment: 'named by the environment',
};

export function Engines({ kinds }: { kinds: readonly EngineKindData[] }): JSX.Element {
  const isChecking = kinds.some((kind) => kind.isChecking);
  return (
    <div class="engines" id={enginesId}>
      {kinds.map((kind) => (
        <EngineKind data={kind} />
      ))}
      <div class="engines__foot">
        <ActionButton
          action="/settings/engines/check"
          fields={{}}
          label={isChecking ? 'Looking…' : 'Look for newer versions'}
          description={isChecking ? 'Looking… for newer versions' : 'Look for newer versions of all engines'}
        />
      </div>
    </div>
  );
}

function EngineKind({ data }: { data: EngineKindData }): JSX.Element {
  const { kind, engines, broken, work, report, fixedBy, isSeen } = data;
  return (
    <section class="engine" id={`engine-${domKey(kind)}`} aria-labelledby={`engine-${domKey(kind)}-title`}>
      <header class="engine__head">
        <h3 class="engine__title" id={`engine-${domKey(kind)}-title`} safe>
          {kind}
        </h3>
        <p class="engine__newest" safe>
          {newestWords(data)}
        </p>
        <KindActions data={data} />
      </header>
      {fixedBy === null ? (
        ''
      ) : (
        <p class="field__locked" safe>
          {fixedBy}
        </p>
      )}
      {work === null ? '' : <Work kind={kind} work={work} />}
      {engines.length + broken.length === 0 ? (
        <p class="engine__none">{isSeen ? 'None on this machine.' : 'Looking for engines…'}</p>
      ) : (
        <ul class="engine__list">
          {engines.map((engine) => (
            <EngineRow kind={kind} engine={engine} isFixed={fixedBy !== null} />
          ))}
          {broken.map((engine) => (
            <BrokenRow kind={kind} engine={engine} />
          ))}
        </ul>
      )}
      {report === null || work?.kind === 'update' ? '' : <Report report={report} />}
    </section>
  );
}

function newestWords({ latest, isNewer, isChecking, checkTrouble, engines }: EngineKindData): string {
  if (isChecking) return 'Looking for the newest version…';
  if (checkTrouble !== null) return `The newest version is not known: ${checkTrouble}`;
  if (latest === null) return '';
  if (isNewer) return `Newest: ${latest}`;
  return engines.length > 0 ? `Newest: ${latest}, in use` : `Newest: ${latest}`;
}

const updateWord = ({ isNewer, latest }: EngineKindData): string => (isNewer ? `Update to ${latest ?? ''}` : 'Update');

function KindActions({ data }: { data: EngineKindData }): JSX.Element {
  const { kind, engines, work, rollbackTo, isNewer, fixedBy } = data;
  const busy = work !== null && work.kind !== 'failed' ? work.kind : null;
  if (busy !== null) {
    return (
      <div class="engine__actions">
        <ActionButton
          action={busy === 'update' ? '/settings/engines/update-cancel' : '/settings/engines/install-cancel'}
          fields={{ kind }}
          label="Cancel"
          description={`Cancel the ${busy === 'update' ? 'update' : 'installation'} of ${kind}`}
        />
      </div>
    );
  }
  return (
    <div class="engine__actions">
      {rollbackTo === null || fixedBy !== null ? (
        ''
      ) : (
        <ActionButton
          action="/settings/engines/rollback"
          fields={{ kind }}
          label={`Back to ${rollbackTo}`}
          description={`Back to ${rollbackTo}, the ${kind} that was used before the update`}
        />
      )}
      {engines.length === 0 ? (
        <ActionButton
          action="/settings/engines/install"
          fields={{ kind }}
          label="Install"
          description={`Install ${kind}`}
          {...(kind === 'llama.cpp' ? { variant: 'primary' as const } : {})}
        />
      ) : fixedBy === null ? (
        <ActionButton
          action="/settings/engines/update"
          fields={{ kind }}
          label={updateWord(data)}
          description={`${updateWord(data)}: get ${kind}, try it, use it if it is no worse`}
          {...(isNewer ? { variant: 'primary' as const } : {})}
        />
      ) : (
        ''
      )}
    </div>
  );
}

function EngineRow(props: { kind: string; engine: EngineRowData; isFixed: boolean }): JSX.Element {
  const { kind, engine, isFixed } = props;
  const { id, version, origin, executable, sizeBytes, isChosen, isRemovable } = engine;
  const facts = [ORIGINS[origin] ?? origin, ...(sizeBytes === null ? [] : [bytesText(sizeBytes)])];
  return (
    <li class="engine__one" data-chosen={isChosen ? 'true' : 'false'}>
      <div class="engine__what">
        <span class="engine__version" safe>
          {version ?? id}
        </span>
        {isChosen ? <Badge icon="done" word="in use" tone="live" /> : ''}
        <span class="engine__facts" safe>
          {facts.join(' · ')}
        </span>
        <code class="engine__path" safe>
          {executable}
        </code>
      </div>
      <div class="engine__actions">
        {isChosen || isFixed ? (
          ''
        ) : (
          <ActionButton
            action="/settings/engines/choose"
            fields={{ kind, id }}
            label="Use"
            description={`Use ${kind} ${version ?? id} from the next load on`}
          />
        )}
        {isRemovable ? <Removal kind={kind} id={id} /> : ''}
      </div>
    </li>
  );
}

/** Two steps, since what is removed must be fetched anew. */
function Removal({ kind, id }: { kind: string; id: string }): JSX.Element {
  return (
    <details class="menu">
      <summary class="button button--quiet" aria-label={`Remove… ${kind} ${id}`}>
        Remove…
      </summary>
      <div class="menu__items">
        <ActionButton
          action="/settings/engines/remove"
          fields={{ kind, id }}
          label="Remove from this disk"
          description={`Remove from this disk: ${kind} ${id}`}
          variant="danger"
        />
      </div>
    </details>
  );
}

function BrokenRow({ kind, engine }: { kind: string; engine: EngineKindData['broken'][number] }): JSX.Element {
  const { id, origin, reason } = engine;
  return (
    <li class="engine__one">
      <div class="engine__what">
        <span class="engine__version" safe>
          {id}
        </span>
        <Badge icon="failed" word="does not work" tone="danger" />
        <span class="engine__facts" safe>
          {reason}
        </span>
      </div>
      <div class="engine__actions">{origin === 'installed' ? <Removal kind={kind} id={id} /> : ''}</div>
    </li>
  );
}

function Work({ kind, work }: { kind: string; work: EngineWorkData }): JSX.Element {
  if (work.kind === 'failed') {
    return (
      <p class="field__error" safe>
        {work.message}
      </p>
    );
  }
  const { message, ratio, steps, step } = work;
  return (
    <div class="engine__work">
      <p class="engine__message" safe>
        {ratio === null ? message : `${message} ${percentText(ratio)}`}
      </p>
      <Progress label={`${kind}: ${work.kind} under way`} ratio={ratio} />
      {steps.length === 0 && step === null ? '' : <Steps steps={steps} asking={step} />}
    </div>
  );
}

function Report({ report }: { report: EngineReportData }): JSX.Element {
  const { outcome, isGood, message, hint, steps } = report;
  return (
    <details class="engine__report">
      <summary>
        <span>Last update: </span>
        <span class="engine__outcome" data-good={isGood ? 'true' : 'false'} safe>
          {outcome}
        </span>
      </summary>
      <p safe>{message}</p>
      {hint === null ? (
        ''
      ) : (
        <p class="engine__facts" safe>
          {hint}
        </p>
      )}
      {steps.length === 0 ? '' : <Steps steps={steps} asking={null} />}
    </details>
  );
}

/** The questions of a trial and how each was answered. */
function Steps({ steps, asking }: { steps: readonly EngineStepData[]; asking: string | null }): JSX.Element {
  return (
    <ul class="engine__steps">
      {steps.map(({ name, outcome, words }) => (
        <li class="engine__step" data-outcome={outcome}>
          <Tag word={name} />
          <span safe>{`${outcome}: ${words}`}</span>
        </li>
      ))}
      {asking === null ? (
        ''
      ) : (
        <li class="engine__step" data-outcome="asking">
          <Tag word={asking} />
          <span>being asked…</span>
        </li>
      )}
    </ul>
  );
}
