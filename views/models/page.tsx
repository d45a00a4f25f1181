/** @jsxImportSource @kitajs/html */
/** The models that are here: a list to look through, and what may be done with each. */
import { Filter, mineRowsId } from './filter.tsx';
import { type MineData, MineRows } from './list.tsx';
import { ModelsTabs } from './tabs.tsx';

/** Holds the newest stamp; `public/js/filters.js` has the list fetched anew when it shows another one. */
export const mineStampId = 'mine-stamp';

export function MinePage({ mine }: { mine: MineData }): JSX.Element {
  return (
    <div class="mine">
      <ModelsTabs current="mine" downloads={mine.downloads} />
      <Filter filter={mine.filter} />
      <MineRows mine={mine} />
      <div id={mineStampId} data-stamp-of={mineRowsId} hidden safe>
        {mine.stamp}
      </div>
    </div>
  );
}
