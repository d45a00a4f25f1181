/** @jsxImportSource @kitajs/html */
/** The HTTP API to read: every operation by group, and the shapes that they share. */
import { PageHead } from '../parts/page-head.tsx';
import { PageIndex, type PageIndexEntry } from '../parts/page-index.tsx';
import { Operation, type OperationDetail, type OperationHead, Shape, type ShapeDetail } from './operation.tsx';

export type ApiPageData = {
  readonly query: string;
  /** The address under which the reader reaches Flow. */
  readonly origin: string;
  readonly total: number;
  readonly found: number;
  readonly groups: readonly {
    readonly name: string;
    readonly about: string;
    readonly anchor: string;
    readonly operations: readonly OperationHead[];
  }[];
  /** By name. */
  readonly shapes: readonly string[];
  /** What was asked to be open; null = nothing. */
  readonly opened: Opened | null;
};

export type Opened =
  | { readonly kind: 'operation'; readonly detail: OperationDetail }
  | { readonly kind: 'shape'; readonly detail: ShapeDetail };

const SHAPES: PageIndexEntry = { anchor: 'shapes', title: 'Shapes' };

export function ApiPage({ data }: { data: ApiPageData }): JSX.Element {
  const { query, total, found, groups, shapes, opened } = data;
  return (
    <div class="api" id="api">
      <PageHead title="API">
        <form class="api__filter" method="get" action="/settings/api">
          <input
            class="input"
            type="search"
            name="q"
            id="api-filter"
            value={query}
            placeholder="Filter"
            aria-label="Filter operations"
            autocomplete="off"
          />
          <span class="api-quiet" id="api-found" role="status" safe>
            {`${found} of ${total}`}
          </span>
          <noscript>
            <button class="button" type="submit">
              Filter
            </button>
          </noscript>
        </form>
      </PageHead>
      <Lead origin={data.origin} />
      <div class="page-indexed api__body">
        <PageIndex label="Groups" entries={[...groups.map(entryOf), SHAPES]} />
        <div class="api__groups">
          {groups.map((group) => (
            <Group group={group} opened={opened} />
          ))}
          <p class="api__nothing" id="api-nothing" {...(found > 0 ? { hidden: true } : {})}>
            No operation is like that.
          </p>
          <section class="api__group" id={SHAPES.anchor} aria-labelledby="shapes-title">
            <h2 class="api__title" id="shapes-title" safe>
              {SHAPES.title}
            </h2>
            <p class="api-quiet">What several operations take or answer.</p>
            {shapes.map((name) => (
              <Shape
                name={name}
                detail={opened?.kind === 'shape' && opened.detail.name === name ? opened.detail : null}
              />
            ))}
          </section>
        </div>
      </div>
    </div>
  );
}

function Lead({ origin }: { origin: string }): JSX.Element {
  return (
    <p class="api__lead">
      <span>Everything below </span>
      <code safe>{origin}</code>
      <span>; the same for tools: </span>
      <a href="/openapi.json" hx-boost="false">
        /openapi.json
      </a>
      <span> (OpenAPI 3.1). Where a key is asked for, send it as </span>
      <code>Authorization: Bearer</code>
      <span> or </span>
      <code>x-api-key</code>
      <span>.</span>
    </p>
  );
}

function entryOf({ name, anchor }: ApiPageData['groups'][number]): PageIndexEntry {
  return { anchor, title: name };
}

type GroupProps = { readonly group: ApiPageData['groups'][number]; readonly opened: Opened | null };

function Group({ group, opened }: GroupProps): JSX.Element {
  const { name, about, anchor, operations } = group;
  return (
    <section class="api__group" id={anchor} aria-labelledby={`${anchor}-title`}>
      <h2 class="api__title" id={`${anchor}-title`} safe>
        {name}
      </h2>
      <p class="api-quiet" safe>
        {about}
      </p>
      {operations.map((head) => (
        <Operation
          head={head}
          detail={opened?.kind === 'operation' && opened.detail.id === head.id ? opened.detail : null}
        />
      ))}
    </section>
  );
}
