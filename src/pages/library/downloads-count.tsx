/** @jsxImportSource @kitajs/html */
/** The number beside the Downloads tab as a part of a live message: it stands on every page under `/models`. */
import { markupOf } from '#src/web/markup.ts';
import { downloadsCountId } from '#views/models/tabs.tsx';
import { Partial } from '#views/parts/partial.tsx';

/** The number, or nothing when there is none under way. */
export function downloadsCount(count: number): string {
  const safeCount = count === 0 ? '' : String(count);
  return markupOf(
    <Partial target={downloadsCountId} swap="innerHTML">
      {safeCount}
    </Partial>,
  );
}
