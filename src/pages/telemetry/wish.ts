/** What an address of the page asks for. Garbage in it asks for nothing. Pure. */
import { type Static, t } from 'elysia';
import { chosenColumns } from './columns.ts';
import { againstOf, momentOf, RANGE_DEFAULT, RANGE_NAMES, type Wish } from './span.ts';

const NAME = t.Optional(t.String({ maxLength: 210 }));

/** Of the page, its figures and its exports. */
export const WishQuery = t.Object({
  range: t.Optional(t.Union([t.Literal(''), ...RANGE_NAMES.map((name) => t.Literal(name))])),
  from: NAME,
  to: NAME,
  model: NAME,
  client: NAME,
  route: NAME,
  ended: NAME,
  against: NAME,
  outcome: t.Optional(t.Union([t.Literal(''), t.Literal('completed'), t.Literal('failed'), t.Literal('cancelled')])),
});

/** `columns` may come several times, or once with commas between. */
export function wishOf(query: Static<typeof WishQuery>, url: string): Wish {
  const ended = query.ended || null;
  const isCode = ended !== null && ended.length === 2;
  return {
    range: query.range || RANGE_DEFAULT,
    fromMs: momentOf(query.from ?? ''),
    untilMs: momentOf(query.to ?? ''),
    modelId: query.model || null,
    client: query.client || null,
    route: query.route || null,
    outcome: query.outcome || null,
    termination: isCode ? ended : null,
    errorKind: isCode ? null : ended,
    against: againstOf(query.against ?? ''),
    columns: chosenColumns(new URL(url).searchParams.getAll('columns').flatMap((text) => text.split(','))),
  };
}
