/** @jsxImportSource @kitajs/html */
/** What a long page is made of, beside it: a link to each of its sections. Both stand in a `page-indexed`. */

export type PageIndexEntry = { readonly anchor: string; readonly title: string };

type Props = { readonly label: string; readonly entries: readonly PageIndexEntry[] };

/** `label` says to screen readers what is listed. */
export function PageIndex({ label, entries }: Props): JSX.Element {
  return (
    <nav class="page-index" aria-label={label}>
      <ul>
        {entries.map(({ anchor, title }) => (
          <li>
            <a href={`#${anchor}`} safe>
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
