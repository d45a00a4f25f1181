/** @jsxImportSource @kitajs/html */
/** What runs here and where its files are, what the doctor says, and the settings as a file to take along. */
import { Badge, type Tone } from '#views/parts/badge.tsx';
import type { IconName } from '#views/parts/icon.tsx';
import { loadsFrom, postsTo } from '#views/parts/posting.ts';

export type AboutData = {
  /** Names and values, for example `Data folder`. */
  readonly facts: readonly { readonly name: string; readonly value: string }[];
};

export type FindingData = {
  readonly check: string;
  readonly level: 'good' | 'warning' | 'bad';
  readonly says: string;
  readonly fix: string | null;
};

export type TransferData = {
  /** What was given, kept when it could not be taken. */
  readonly text: string;
  readonly error: string | null;
};

export const doctorId = 'settings-doctor';
export const transferId = 'settings-transfer';
const DOCTOR_ADDRESS = '/settings/doctor';

const LEVELS: Readonly<Record<FindingData['level'], { icon: IconName; word: string; tone: Tone }>> = {
  good: { icon: 'done', word: 'good', tone: 'quiet' },
  warning: { icon: 'queued', word: 'remark', tone: 'waiting' },
  bad: { icon: 'failed', word: 'problem', tone: 'danger' },
};

export function About({ about }: { about: AboutData }): JSX.Element {
  return (
    <div class="settings-panel about">
      <dl class="about__facts">
        {about.facts.map(({ name, value }) => (
          <div class="about__fact">
            <dt safe>{name}</dt>
            <dd>
              <code safe>{value}</code>
            </dd>
          </div>
        ))}
      </dl>
      <p>
        <a class="button" href="/setup">
          Set-up: engine, model, agent
        </a>
      </p>
      <p>
        <a class="button" href="/settings/api">
          API: every route
        </a>
      </p>
    </div>
  );
}

/** The findings; null = nobody has asked yet. */
export function Doctor({ findings }: { findings: readonly FindingData[] | null }): JSX.Element {
  return (
    <div class="settings-panel doctor" id={doctorId}>
      <div class="doctor__head">
        <h3 class="engine__title">Doctor</h3>
        <a
          class="button"
          href="/settings?doctor=1#about"
          {...loadsFrom(DOCTOR_ADDRESS, { target: doctorId, swap: 'outerMorph' })}
        >
          {findings === null ? 'Look at everything' : 'Look again'}
        </a>
      </div>
      {findings === null ? (
        <p class="field__effect">
          Looks at folders, settings, database, disks, engines and the network; changes nothing.
        </p>
      ) : (
        <Findings findings={findings} />
      )}
    </div>
  );
}

function Findings({ findings }: { findings: readonly FindingData[] }): JSX.Element {
  const rank = ({ level }: FindingData): number => (level === 'bad' ? 0 : level === 'warning' ? 1 : 2);
  const sorted = [...findings].sort((one, other) => rank(one) - rank(other));
  return (
    <ul class="doctor__findings" role="status">
      {sorted.map(({ level, says, fix }) => (
        <li class="doctor__finding">
          <Badge {...LEVELS[level]} />
          <div class="doctor__words">
            <p safe>{says}</p>
            {fix === null ? (
              ''
            ) : (
              <p class="field__effect" safe>
                {fix}
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** The settings as a file: out, and in again. Keys and tokens are no settings, so they are not in it. */
export function Transfer({ transfer }: { transfer: TransferData }): JSX.Element {
  const { text, error } = transfer;
  const own = `target:#${transferId} swap:outerMorph`;
  const posting = {
    ...postsTo('/settings/import', { target: transferId }),
    'hx-status:422': own,
    'hx-status:409': own,
  };
  return (
    <div class="settings-panel transfer" id={transferId}>
      <div class="doctor__head">
        <h3 class="engine__title">Take along</h3>
        <a class="button" href="/settings/export" download="flow-settings.json" hx-boost="false">
          Export
        </a>
      </div>
      <details class="transfer__import" {...(error === null ? {} : { open: true })}>
        <summary class="button button--quiet">Import…</summary>
        <form class="transfer__form" {...posting}>
          <label class="field__label" for="transfer-text">
            Exported settings
          </label>
          <textarea
            class="input"
            id="transfer-text"
            name="text"
            rows="6"
            spellcheck="false"
            {...(error === null ? {} : { 'aria-invalid': 'true', 'aria-describedby': 'transfer-error' })}
            safe
          >
            {text}
          </textarea>
          {error === null ? (
            ''
          ) : (
            <p class="field__error" id="transfer-error" role="alert" safe>
              {error}
            </p>
          )}
          <span class="transfer__row">
            <label class="transfer__file">
              <span class="hidden">A file with settings</span>
              <input type="file" accept="application/json,.json" data-fills="transfer-text" />
            </label>
            <button class="button button--primary" type="submit">
              Import
            </button>
          </span>
        </form>
      </details>
    </div>
  );
}
