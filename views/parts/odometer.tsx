/** @jsxImportSource @kitajs/html */
/** A counter whose digits roll (in the style sheet) from one server value to the next. */
import { countText } from './quantity.tsx';

/** Digits between two separators. */
const GROUP = 3;

export function Odometer({ value }: { value: number }): JSX.Element {
  // Units come first in the markup and last on the screen, so that a new leading digit moves none of the others.
  const digits = [...String(Math.max(0, Math.floor(value)))].reverse();
  return (
    <span class="odometer">
      <span class="hidden" safe>
        {countText(value)}
      </span>
      <span class="odometer__digits" aria-hidden="true">
        {digits.map((digit, place) => (
          <>
            {place > 0 && place % GROUP === 0 ? <span class="odometer__comma">,</span> : ''}
            <span class="odometer__digit" data-digit={digit} />
          </>
        ))}
      </span>
    </span>
  );
}
