/** @jsxImportSource @kitajs/html */
/** What a load would be like before anybody loads: its need against the memory for models, and the command. */
import { Badge, type Tone } from '../parts/badge.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { StackedGauge } from '../parts/gauge.tsx';
import type { IconName } from '../parts/icon.tsx';
import { bytesText, countText, rateText } from '../parts/quantity.tsx';

export type OutlookData = {
  readonly verdict: 'fits' | 'tight' | 'too-big';
  readonly source: 'measured' | 'engine' | 'formula';
  readonly needBytes: number;
  readonly parts: readonly { readonly label: string; readonly bytes: number }[];
  /** Held by other models. */
  readonly othersBytes: number;
  readonly budgetBytes: number;
  readonly freeBytes: number;
  readonly sentence: string;
  /** What the context takes in each of the number formats that can be chosen. */
  readonly caches: readonly { readonly type: string; readonly bytes: number; readonly isNow: boolean }[];
  readonly slots: number;
  readonly contextTokens: number;
  readonly largestContextTokens: number;
  readonly trainedContextTokens: number | null;
  readonly tokensPerS: number | null;
  /** As one would type it; null when no engine is there. */
  readonly command: string | null;
  readonly warnings: readonly string[];
};

export const outlookId = 'load-outlook';

const VERDICTS: Readonly<Record<OutlookData['verdict'], { word: string; icon: IconName; tone: Tone }>> = {
  fits: { word: 'Fits', icon: 'done', tone: 'live' },
  tight: { word: 'Tight', icon: 'loading', tone: 'waiting' },
  'too-big': { word: 'Too big', icon: 'failed', tone: 'danger' },
};
const SOURCES = {
  measured: 'measured on this machine',
  engine: 'as its engine said',
  formula: 'estimated',
} as const;

export function Outlook({ outlook }: { outlook: OutlookData }): JSX.Element {
  const { needBytes, othersBytes, budgetBytes, freeBytes } = outlook;
  const whole = Math.max(budgetBytes, othersBytes + needBytes, 1);
  const kind = outlook.verdict === 'too-big' ? 'over' : 'need';
  return (
    <>
      <p class="outlook__head">
        <Badge {...VERDICTS[outlook.verdict]} />
        <strong safe>{`needs ${bytesText(needBytes)}`}</strong>
        <span class="outlook__quiet">{SOURCES[outlook.source]}</span>
      </p>
      <div class="outlook__bar">
        <StackedGauge
          parts={[
            { kind: 'others', ratio: othersBytes / whole },
            { kind, ratio: needBytes / whole },
          ]}
        />
      </div>
      <p class="outlook__quiet" safe>
        {`Memory for models ${bytesText(budgetBytes)}, of which ${bytesText(freeBytes)} are free.`}
      </p>
      <p safe>{outlook.sentence}</p>
      <p class="outlook__quiet" safe>
        {partsText(outlook)}
      </p>
      <p class="outlook__quiet" safe>
        {contextText(outlook)}
      </p>
      <Ways outlook={outlook} />
      <Warnings warnings={outlook.warnings} />
      {outlook.command === null ? (
        <p class="field__locked">There is no engine yet that could be started.</p>
      ) : (
        <details class="outlook__command">
          <summary>The exact command</summary>
          <Copyable text={outlook.command} label="the command line" />
        </details>
      )}
    </>
  );
}

/** What fills fields of the form; without scripts the numbers say what to type (`public/js/models.js`). */
function Ways({ outlook }: { outlook: OutlookData }): JSX.Element {
  const { caches, contextTokens, largestContextTokens } = outlook;
  const isLargest = largestContextTokens === 0 || largestContextTokens === contextTokens;
  const now = caches.find(({ isNow }) => isNow);
  return (
    <p class="section__buttons">
      {isLargest ? '' : <Way label={largestWords(outlook)} sets={{ ctx_size: String(largestContextTokens) }} />}
      {caches
        .filter(({ isNow }) => !isNow)
        .map(({ type, bytes }) => {
          const instead = now ? ` instead of ${bytesText(now.bytes)}` : '';
          const label = `Cache as ${type}: ${bytesText(bytes)}${instead}`;
          return <Way label={label} sets={{ cache_type_k: type, cache_type_v: type }} />;
        })}
    </p>
  );
}

function largestWords({ largestContextTokens }: OutlookData): string {
  return `Use the largest context that fits: ${countText(largestContextTokens)}`;
}

function Way({ label, sets }: { label: string; sets: Readonly<Record<string, string>> }): JSX.Element {
  return (
    <button class="button" type="button" data-sets={JSON.stringify(sets)} safe>
      {label}
    </button>
  );
}

/** While nothing is known yet. */
export function OutlookPending(): JSX.Element {
  return <p class="outlook__quiet">Looking what such a load would take…</p>;
}

/** Why nothing can be foreseen. */
export function OutlookTrouble({ message, hint }: { message: string; hint: string | null }): JSX.Element {
  return (
    <>
      <p class="field__error" safe>
        {message}
      </p>
      {hint === null ? '' : <p safe>{hint}</p>}
    </>
  );
}

function Warnings({ warnings }: { warnings: readonly string[] }): JSX.Element {
  if (warnings.length === 0) return '';
  return (
    <ul class="outlook__warnings" aria-label="Worth knowing">
      {warnings.map((warning) => (
        <li safe>{warning}</li>
      ))}
    </ul>
  );
}

function partsText({ parts, tokensPerS }: OutlookData): string {
  const said = parts.filter(({ bytes }) => bytes > 0).map(({ label, bytes }) => `${label} ${bytesText(bytes)}`);
  return [...said, ...(tokensPerS === null ? [] : [`about ${rateText(tokensPerS)}`])].join(' · ');
}

function contextText(outlook: OutlookData): string {
  const { slots, contextTokens, largestContextTokens, trainedContextTokens } = outlook;
  const total = slots > 1 ? `, ${countText(contextTokens * slots)} together` : '';
  const largest =
    largestContextTokens === 0
      ? 'No context fits with these settings.'
      : `The largest context that fits is ${countText(largestContextTokens)}.`;
  const trained = trainedContextTokens === null ? '' : ` It was trained for ${countText(trainedContextTokens)}.`;
  return `${countText(contextTokens)} tokens a conversation${total}. ${largest}${trained}`;
}
