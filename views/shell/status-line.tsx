/** @jsxImportSource @kitajs/html */
/** The line in the foot of every page. */
import { type FiguresData, RATE_MIN } from '../monitor/figures.tsx';
import { bytesText, countText, durationText, percentText, pluralText, rateText } from '../parts/quantity.tsx';

/** Downloads under way, together. */
export type DownloadsData = {
  readonly count: number;
  /** 0 to 1. */
  readonly ratio: number;
  readonly bytesPerS: number;
  readonly remainingS: number | null;
};

/** The figures in the status bar; filled by `/live`. */
export const statusId = 'status';

type Props = { readonly figures: FiguresData; readonly downloads: DownloadsData | null };

export function StatusLine({ figures, downloads }: Props): JSX.Element {
  const { loaded, heldBytes, active, waiting, tokensPerS } = figures;
  const parts = [
    loaded === 0 ? 'no model loaded' : `${pluralText(loaded, 'model')} ${bytesText(heldBytes)}`,
    active === 0 ? 'idle' : `${countText(active)} active`,
    ...(active > 0 && tokensPerS >= RATE_MIN ? [rateText(tokensPerS)] : []),
    ...(waiting > 0 ? [`${countText(waiting)} waiting`] : []),
    ...(downloads === null ? [] : [downloadText(downloads)]),
  ];
  return <span safe>{parts.join(' · ')}</span>;
}

function downloadText({ count, ratio, bytesPerS, remainingS }: DownloadsData): string {
  const many = count > 1 ? `${countText(count)} ` : '';
  const speed = bytesPerS > 0 ? ` ${bytesText(bytesPerS)}/s` : '';
  const rest = remainingS === null ? '' : ` ${durationText(remainingS)} left`;
  return `${many}↓ ${percentText(ratio)}${speed}${rest}`;
}
