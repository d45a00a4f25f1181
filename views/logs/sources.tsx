/** @jsxImportSource @kitajs/html */
/** Who writes, and how much: one chip each. */
import { countText } from '../parts/quantity.tsx';

export type SourceData = { readonly source: string; readonly label: string; readonly lines: number };

export type SourcesData = {
  /** Changes when Flow starts anew, and line numbers with it. */
  readonly run: string;
  /** Everything first, under the empty name. */
  readonly sources: readonly SourceData[];
};

export const logSourcesId = 'log-sources';

/** `current` is known only where a page is made; the live fragment is the same for everybody. */
export function Sources({ data, current }: { data: SourcesData; current: string | null }): JSX.Element {
  return (
    <ul class="log-sources" id={logSourcesId} data-run={data.run}>
      {data.sources.map(({ source, label, lines }) => (
        <li>
          <a
            class="chip"
            href={source === '' ? '/logs' : `/logs?source=${encodeURIComponent(source)}`}
            data-source={source}
            data-lines={String(lines)}
            {...(source === current ? { 'aria-current': 'page' } : {})}
          >
            <span safe>{label}</span>
            <span class="chip__count" safe>
              {countText(lines)}
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}
