/** @jsxImportSource @kitajs/html */
/** One operation of the HTTP API: what it takes, what it answers, and how to ask it from a shell. */
import { Copyable } from '../parts/copyable.tsx';
import { loadsFrom } from '../parts/posting.ts';
import { Tag } from '../parts/tag.tsx';

export type FieldData = {
  readonly name: string;
  readonly isRequired: boolean;
  /** In the notation of types; names with a capital are shapes of the page. */
  readonly shape: string;
  readonly note: string;
};

/** What the list shows of each. */
export type OperationHead = {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  /** The text that a filter looks in, in lower case. */
  readonly find: string;
  readonly isHidden: boolean;
};

/** What is told of one when it is opened. */
export type OperationDetail = {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly about: string | null;
  /** What a key needs. */
  readonly scope: string;
  readonly parameters: readonly FieldData[];
  readonly body: {
    readonly shape: string;
    readonly fields: readonly FieldData[];
    readonly isRequired: boolean;
    readonly limit: string;
  } | null;
  readonly answers: readonly {
    readonly status: number;
    /** Null where there is no JSON. */
    readonly shape: string | null;
    readonly other: readonly string[];
  }[];
  readonly refusals: readonly { readonly status: number; readonly kinds: string }[];
  readonly curl: string;
};

/** A shape that several operations share. */
export type ShapeDetail = {
  readonly name: string;
  readonly shape: string;
  readonly fields: readonly FieldData[];
};

/** Where a shape stands on the page. */
export const shapeAnchor = (name: string): string => `shape-${name}`;

/** Where the content of a line stands. */
const bodyId = (id: string): string => `${id}-body`;

const NAMED = /\b([A-Z]\w+)\b/;

/** A shape, in which names lead to what they stand for. */
function ShapeText({ shape }: { shape: string }): JSX.Element {
  return (
    <code class="api-shape">
      {shape.split(NAMED).map((part, index) =>
        index % 2 === 1 ? (
          <a href={`#${shapeAnchor(part)}`} safe>
            {part}
          </a>
        ) : (
          <span safe>{part}</span>
        ),
      )}
    </code>
  );
}

/** A sentence in which what stands between backticks is code. */
function Words({ text }: { text: string }): JSX.Element {
  return (
    <p>
      {text.split('`').map((part, index) => (index % 2 === 1 ? <code safe>{part}</code> : <span safe>{part}</span>))}
    </p>
  );
}

function FieldTable({ caption, fields }: { caption: string; fields: readonly FieldData[] }): JSX.Element {
  return (
    <section class="table-scroll" aria-label={caption}>
      <table class="table api-table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Type</th>
            <th scope="col">Bounds and meaning</th>
          </tr>
        </thead>
        <tbody>
          {fields.map(({ name, isRequired, shape, note }) => (
            <tr>
              <th scope="row">
                <code safe>{name}</code>
                {isRequired ? <span class="api-required"> required</span> : ''}
              </th>
              <td>
                <ShapeText shape={shape} />
              </td>
              <td>
                <Words text={note} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** One line of the list; what it holds comes when it is opened, or with the page when `detail` is there. */
export function Operation({ head, detail }: { head: OperationHead; detail: OperationDetail | null }): JSX.Element {
  const { id, method, path, summary, find, isHidden } = head;
  const state = { ...(isHidden ? { hidden: true } : {}), ...(detail === null ? {} : { open: true }) };
  return (
    <details class="api-operation" id={id} data-find={find} {...state}>
      <summary class="api-operation__head">
        <span class="api-operation__method" data-method={method} safe>
          {method}
        </span>
        <code class="api-operation__path" safe>
          {path}
        </code>
        <span class="api-operation__summary" safe>
          {summary}
        </span>
      </summary>
      {detail === null ? <Awaited id={id} /> : <OperationBody operation={detail} />}
    </details>
  );
}

/** One shape, as a line of its list. */
export function Shape({ name, detail }: { name: string; detail: ShapeDetail | null }): JSX.Element {
  const id = shapeAnchor(name);
  return (
    <details class="api-operation" id={id} {...(detail === null ? {} : { open: true })}>
      <summary class="api-operation__head">
        <code class="api-operation__path" safe>
          {name}
        </code>
      </summary>
      {detail === null ? <Awaited id={id} /> : <ShapeBody shape={detail} />}
    </details>
  );
}

/** In place of what is not there yet: `public/js/api.js` follows the link when its line is opened. */
function Awaited({ id }: { id: string }): JSX.Element {
  const loading = loadsFrom(`/settings/api/parts/${id}`, { target: bodyId(id), swap: 'outerMorph' });
  return (
    <div class="api-operation__body" id={bodyId(id)}>
      <a href={`/settings/api?open=${id}#${id}`} data-awaited {...loading}>
        Show it
      </a>
    </div>
  );
}

export function ShapeBody({ shape }: { shape: ShapeDetail }): JSX.Element {
  const { name, fields } = shape;
  return (
    <div class="api-operation__body" id={bodyId(shapeAnchor(name))}>
      {fields.length === 0 ? <ShapeText shape={shape.shape} /> : <FieldTable caption={name} fields={fields} />}
    </div>
  );
}

export function OperationBody({ operation }: { operation: OperationDetail }): JSX.Element {
  const { method, path, about, scope, parameters, body, answers, refusals, curl } = operation;
  const name = `${method} ${path}`;
  return (
    <div class="api-operation__body" id={bodyId(operation.id)}>
      {about === null ? '' : <Words text={about} />}
      <p class="api-quiet">
        Key: <Tag word={scope === 'public' ? 'none needed' : `scope ${scope}`} />
      </p>
      {parameters.length === 0 ? '' : <FieldTable caption={`Parameters of ${name}`} fields={parameters} />}
      {body === null ? '' : <Body body={body} name={name} />}
      <h3 class="api-operation__title">Answers</h3>
      <ul class="api-answers">
        {answers.map(({ status, shape, other }) => (
          <li>
            <b safe>{String(status)}</b>
            {shape === null ? '' : <ShapeText shape={shape} />}
            {other.map((type) => (
              <Tag word={type} />
            ))}
          </li>
        ))}
      </ul>
      <p class="api-quiet">
        <span>Refused with </span>
        {refusals.map(({ status, kinds }) => (
          <span class="api-refusal" safe>{`${status} ${kinds}`}</span>
        ))}
      </p>
      <Copyable text={curl} label={name} />
    </div>
  );
}

function Body({ body, name }: { body: NonNullable<OperationDetail['body']>; name: string }): JSX.Element {
  const { shape, fields, isRequired, limit } = body;
  return (
    <>
      <h3 class="api-operation__title">Body</h3>
      <p class="api-line">
        <span safe>{`JSON of at most ${limit}${isRequired ? '' : '; may be left out'}`}</span>
        {shape.startsWith('{') && fields.length > 0 ? '' : <ShapeText shape={shape} />}
      </p>
      {fields.length === 0 ? '' : <FieldTable caption={`Body of ${name}`} fields={fields} />}
    </>
  );
}
