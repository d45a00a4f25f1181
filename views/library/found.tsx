/** @jsxImportSource @kitajs/html */
/** What a search of the hub found. */
import { Empty } from '../parts/empty.tsx';
import { loadsFrom } from '../parts/posting.ts';
import { bytesText, countText } from '../parts/quantity.tsx';
import { Tag } from '../parts/tag.tsx';

export type FoundRowData = {
  readonly id: string;
  readonly downloads: number;
  readonly likes: number;
  /** The day of the last change; null when the hub does not say. */
  readonly updatedDay: string | null;
  readonly licence: string | null;
  readonly isGated: boolean;
  readonly formats: readonly string[];
  /** By tags and name: a guess. */
  readonly abilities: readonly string[];
  /** What its name says it would take, quantised to some four bits; null when it says no size. */
  readonly roughly: { readonly bytes: number; readonly isTooBig: boolean } | null;
};

export type FoundData = {
  readonly rows: readonly FoundRowData[];
  /** Where the next page is; null = this was the last. */
  readonly moreAddress: string | null;
  /** What the search words themselves name. */
  readonly named: { readonly repository: string; readonly address: string } | null;
};

/** What went wrong with a question to the hub, and what helps. */
export type HubTroubleData = { readonly message: string; readonly hint: string | null; readonly again: string };

export const foundId = 'get-found';

/** The page of a repository. */
export function repositoryAddress(repository: string, quantization: string | null = null): string {
  const quant = quantization === null ? '' : `&quant=${encodeURIComponent(quantization)}`;
  return `/models/get?repo=${encodeURIComponent(repository)}${quant}`;
}

export function FoundList({ found }: { found: FoundData }): JSX.Element {
  const { rows, named, moreAddress } = found;
  return (
    <section id={foundId} aria-label="Found">
      {named === null ? (
        ''
      ) : (
        <p class="found__named">
          <a class="button button--primary" href={named.address} safe>
            {`Open ${named.repository}`}
          </a>
        </p>
      )}
      {rows.length === 0 && moreAddress === null ? (
        <Empty title="Nothing was found">
          <p>Try fewer words or filters, or paste the address of a repository.</p>
        </Empty>
      ) : (
        <ul class="found">
          <FoundRows found={found} />
        </ul>
      )}
    </section>
  );
}

/** Rows, and the way to the next ones in their place. */
export function FoundRows({ found: { rows, moreAddress } }: { found: FoundData }): JSX.Element {
  return (
    <>
      {rows.map((row) => (
        <FoundRow row={row} />
      ))}
      {moreAddress === null ? (
        ''
      ) : (
        <li class="found__more" id="get-more">
          <a class="button" href={moreAddress} {...loadsFrom(moreAddress, { target: 'get-more', swap: 'outerHTML' })}>
            More
          </a>
        </li>
      )}
    </>
  );
}

function FoundRow({ row }: { row: FoundRowData }): JSX.Element {
  const { id, downloads, likes, updatedDay, licence, isGated, formats, abilities, roughly } = row;
  const facts = [
    ...(roughly === null ? [] : [`about ${bytesText(roughly.bytes)} at 4 bits`]),
    `${countText(downloads)} downloads`,
    `${countText(likes)} likes`,
    ...(updatedDay === null ? [] : [`updated ${updatedDay}`]),
    ...(licence === null ? [] : [licence]),
  ];
  return (
    <li class="found__one">
      <a class="found__name" href={repositoryAddress(id)} safe>
        {id}
      </a>
      <span class="tags">
        {formats.map((format) => (
          <Tag word={format} kind="format" />
        ))}
        {abilities.map((ability) => (
          <Tag word={ability} />
        ))}
        {roughly?.isTooBig ? <Tag word="too big for this machine" /> : ''}
        {isGated ? <Tag word="licence to accept first" /> : ''}
      </span>
      <span class="found__facts" safe>
        {facts.join(' · ')}
      </span>
    </li>
  );
}

/** A refusal in the place of the answer. */
export function HubTrouble({ id, trouble }: { id: string; trouble: HubTroubleData }): JSX.Element {
  const { message, hint, again } = trouble;
  return (
    <section class="trouble" id={id} role="alert">
      <p class="trouble__message" safe>
        {message}
      </p>
      {hint === null ? '' : <p safe>{hint}</p>}
      <p class="trouble__ways">
        <a class="button" href={again} {...loadsFrom(again, { target: id, swap: 'outerHTML' })}>
          Try again
        </a>
        <a href="/settings">Settings: access token, address of the hub</a>
      </p>
    </section>
  );
}
