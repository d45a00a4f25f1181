/** @jsxImportSource @kitajs/html */
/** Seconds that go on between two values of the server; the browser counts, the server is right. */
import { durationText } from './quantity.tsx';

export function Ticking({ direction, seconds }: { direction: 'up' | 'down'; seconds: number }): JSX.Element {
  return (
    <span class="ticking" data-tick={direction} data-seconds={String(Math.max(0, Math.round(seconds)))} safe>
      {durationText(seconds)}
    </span>
  );
}
