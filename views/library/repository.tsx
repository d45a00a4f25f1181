/** @jsxImportSource @kitajs/html */
/** One repository of the hub: what it holds, whether it fits into this machine, and the button that fetches it. */
import { Badge } from '../parts/badge.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { loadsFrom, postsTo } from '../parts/posting.ts';
import { bytesText, countText, pluralText, rateText, tokensText } from '../parts/quantity.tsx';
import { Tag } from '../parts/tag.tsx';
import { repositoryAddress } from './found.tsx';

/** One thing that can be downloaded. */
export type OfferData = {
  /** Its first file; null for a whole MLX repository. */
  readonly file: string | null;
  readonly format: string;
  readonly quantization: string | null;
  readonly parts: number;
  readonly bytes: number;
  readonly isComplete: boolean;
  readonly fit: {
    readonly verdict: 'fits' | 'tight' | 'too-big';
    readonly needBytes: number;
    readonly largestContextTokens: number;
    readonly trainedContextTokens: number | null;
    readonly tokensPerS: number | null;
  } | null;
};

export type FitsData = {
  readonly offers: readonly OfferData[];
  /** The first file of the offer to take on this machine; null = none is better than another, or nobody knows yet. */
  readonly recommended: string | null;
  /** The quantisation that somebody has named; '' = none. */
  readonly named: string;
  /** What the numbers were computed for; null while they are not known. */
  readonly basis: {
    readonly contextTokens: number;
    readonly slots: number;
    readonly budgetBytes: number;
    readonly projectorBytes: number;
    readonly speedFrom: readonly string[];
  } | null;
  readonly trouble: { readonly message: string; readonly hint: string | null } | null;
};

export type RepositoryData = {
  readonly id: string;
  readonly url: string;
  readonly downloads: number;
  readonly likes: number;
  readonly licence: string | null;
  readonly updatedDay: string | null;
  readonly isGated: boolean;
  readonly abilities: readonly string[];
  readonly description: string;
  readonly projectorBytes: number | null;
  readonly offers: readonly OfferData[];
  readonly contextTokens: number;
  /** The quantisation that somebody has named; '' = none. */
  readonly quantization: string;
  readonly twins: readonly { readonly id: string; readonly format: string }[];
};

const FITS = 'get-fits';
const ORDER = 'get-order';
const CONTEXT_MIN = 4_096;
const CONTEXT_MAX = 262_144;
const CACHES = [
  { value: 'f16', label: 'f16: as the model was made' },
  { value: 'q8_0', label: 'q8_0: half' },
  { value: 'q4_0', label: 'q4_0: a quarter' },
];
const VERDICTS = {
  fits: { icon: 'ready', word: 'Fits', tone: 'live' },
  tight: { icon: 'loading', word: 'Tight', tone: 'waiting' },
  'too-big': { icon: 'failed', word: 'Too big', tone: 'danger' },
} as const;

export function Repository({ repository }: { repository: RepositoryData }): JSX.Element {
  const { offers, isGated, url, twins, description } = repository;
  return (
    <section class="repository" id="get-detail" aria-label="About the repository">
      <Facts repository={repository} />
      {isGated ? (
        <p class="repository__gated">
          Its licence must be accepted <a href={url}>on its page</a> first, and an access token put into the{' '}
          <a href="/settings">settings</a>.
        </p>
      ) : (
        ''
      )}
      {offers.length === 0 ? (
        <p class="repository__none">It holds no GGUF and no MLX model, so Flow cannot run it as it is.</p>
      ) : (
        <OrderForm repository={repository} />
      )}
      {twins.length === 0 ? (
        ''
      ) : (
        <div class="repository__twins">
          <h3>The same model elsewhere</h3>
          <ul class="repository__list">
            {twins.map((twin) => (
              <li>
                <a href={repositoryAddress(twin.id)} safe>
                  {twin.id}
                </a>{' '}
                <Tag word={twin.format} kind="format" />
              </li>
            ))}
          </ul>
        </div>
      )}
      {description === '' ? (
        ''
      ) : (
        <details class="repository__card">
          <summary>What its publisher says</summary>
          <p class="repository__words" safe>
            {description}
          </p>
        </details>
      )}
    </section>
  );
}

function Facts({ repository }: { repository: RepositoryData }): JSX.Element {
  const { url, downloads, likes, licence, updatedDay, abilities } = repository;
  const facts = [
    `${countText(downloads)} downloads`,
    `${countText(likes)} likes`,
    ...(updatedDay === null ? [] : [`updated ${updatedDay}`]),
    licence === null ? 'no licence named' : `licence ${licence}`,
  ];
  return (
    <p class="repository__facts">
      <span safe>{facts.join(' · ')}</span>
      <span class="tags">
        {abilities.map((word) => (
          <Tag word={word} />
        ))}
      </span>
      <a href={url} rel="noreferrer">
        Its page at the hub
      </a>
    </p>
  );
}

function OrderForm({ repository }: { repository: RepositoryData }): JSX.Element {
  const { id, offers, projectorBytes, contextTokens, quantization } = repository;
  return (
    <form class="order" id={ORDER} aria-label="Download" {...postsTo('/models/downloads/ordering')}>
      <input type="hidden" name="repo" value={id} />
      <input type="hidden" name="quant" value={quantization} />
      <fieldset
        class="order__wishes"
        {...loadsFrom('/models/get/fits', { target: FITS, swap: 'outerMorph' })}
        hx-trigger="load, input delay:250ms"
        hx-include={`#${ORDER}`}
        hx-sync="this:replace"
      >
        <legend class="hidden">What it should be able to do</legend>
        <div class="field">
          <label class="field__label" for="get-ctx">
            Context
          </label>
          <input
            class="slider"
            id="get-ctx"
            type="range"
            name="ctx"
            min={String(CONTEXT_MIN)}
            max={String(CONTEXT_MAX)}
            step={String(CONTEXT_MIN)}
            value={String(contextTokens)}
          />
          <p class="field__effect">Only for the estimate; a load may choose another.</p>
        </div>
        <SelectField id="get-cache" name="cache" label="Cache of the context" value="f16" choices={CACHES} />
        {projectorBytes === null ? (
          ''
        ) : (
          <label class="check">
            <input type="checkbox" name="mmproj" value="yes" checked />
            <span safe>{`With vision (${bytesText(projectorBytes)} more)`}</span>
          </label>
        )}
        <TextField
          id="get-draft"
          name="draft"
          label="Draft model"
          value=""
          placeholder="organisation/repository:quantisation"
          effect="A small one that guesses ahead; may be empty."
        />
      </fieldset>
      <Fits fits={{ offers, recommended: null, named: quantization, basis: null, trouble: null }} />
    </form>
  );
}

/** Everything that can be downloaded, the best quality first. */
export function Fits({ fits }: { fits: FitsData }): JSX.Element {
  const { offers, trouble } = fits;
  return (
    <div class="fits" id={FITS}>
      <p class="fits__basis" role="status" safe>
        {basisText(fits)}
      </p>
      {trouble === null || trouble.hint === null ? (
        ''
      ) : (
        <p class="fits__basis" safe>
          {trouble.hint}
        </p>
      )}
      <section class="table-scroll" aria-label="Downloads offered">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Quantisation</th>
              <th scope="col">Fits here</th>
              <th scope="col" class="table__number">
                Download
              </th>
              <th scope="col" class="table__number fits__wide">
                Memory
              </th>
              <th scope="col" class="table__number fits__wide">
                Context up to
              </th>
              <th scope="col" class="table__number fits__wide">
                Speed
              </th>
              <th scope="col">
                <span class="hidden">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {offers.map((offer) => (
              <OfferRow
                offer={offer}
                isPending={fits.basis === null && trouble === null}
                advice={offer.file !== null && offer.file === fits.recommended ? adviceOf(fits) : null}
              />
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}

function basisText({ basis, trouble }: FitsData): string {
  if (trouble !== null) return `Whether it fits is not known: ${trouble.message}`;
  if (basis === null) return 'Reading the headers to see what fits…';
  const { contextTokens, slots, budgetBytes, projectorBytes, speedFrom } = basis;
  const vision = projectorBytes > 0 ? ' and vision' : '';
  const speed =
    speedFrom.length === 0
      ? 'No speed yet: nothing was measured on this machine.'
      : `Speed from what was measured here of ${speedFrom.slice(0, 3).join(', ')}.`;
  const wish = `${countText(contextTokens)} tokens of context, ${pluralText(slots, 'slot')}${vision}`;
  return `Estimated from the files' headers for ${wish}; models may take ${bytesText(budgetBytes)}. ${speed}`;
}

function adviceOf({ offers, named, recommended }: FitsData): string {
  const offer = offers.find(({ file }) => file === recommended);
  return offer?.quantization?.toLowerCase() === named.toLowerCase() ? 'as named' : 'best for this machine';
}

type OfferRowProps = {
  readonly offer: OfferData;
  readonly isPending: boolean;
  /** Why it is the one to take; null = it is not. */
  readonly advice: string | null;
};

function OfferRow({ offer, isPending, advice }: OfferRowProps): JSX.Element {
  const { file, format, quantization, parts, bytes, isComplete, fit } = offer;
  const name = quantization ?? file ?? format;
  return (
    <tr class="fits__row" {...(advice === null ? {} : { 'data-advised': 'yes' })}>
      <th scope="row" class="fits__name">
        <span safe>{name}</span> {advice === null ? '' : <Tag word={advice} />}
        {parts > 1 ? (
          <span class="fits__quiet" safe>
            {pluralText(parts, 'file')}
          </span>
        ) : (
          ''
        )}
      </th>
      <td>{fit === null ? isPending ? '…' : '–' : <Badge {...VERDICTS[fit.verdict]} />}</td>
      <td class="table__number" safe>
        {bytesText(bytes)}
      </td>
      <td class="table__number fits__wide" safe>
        {fit === null ? '–' : bytesText(fit.needBytes)}
      </td>
      <td class="table__number fits__wide" safe>
        {fit === null || fit.largestContextTokens === 0 ? '–' : tokensText(fit.largestContextTokens)}
      </td>
      <td class="table__number fits__wide" safe>
        {fit === null || fit.tokensPerS === null ? '–' : rateText(fit.tokensPerS)}
      </td>
      <td class="fits__action">
        {isComplete ? (
          <button
            class={['button', advice !== null && 'button--primary']}
            type="submit"
            name="file"
            value={file ?? ''}
            aria-label={`Download ${name}`}
          >
            Download
          </button>
        ) : (
          <span class="fits__quiet">parts are missing</span>
        )}
      </td>
    </tr>
  );
}
