/** @jsxImportSource @kitajs/html */
/** Configurations of other programs on `/models/import`: what would be taken, taken as ticked, taken back. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { foundSources, type ImportDeskParts, importFrom, type Origin } from '#src/imports/desk.ts';
import type { Chosen, ImportReport } from '#src/imports/perform.ts';
import { sourceOfText } from '#src/imports/sources.ts';
import { answered, isFragment, NoticePartial } from '#src/pages/models/told.tsx';
import type { Shell } from '#src/web/shell.tsx';
import {
  CONFIGURATION_CHARACTERS_MAX,
  Configuration,
  type ConfigurationData,
  ConfigurationWords,
} from '#views/library/configurations.tsx';
import { pluralText } from '#views/parts/quantity.tsx';
import { configurationRows } from './configuration-rows.ts';
import { ImportUndos, type ImportUndosParts, importUndo } from './import-undos.ts';

export type ConfigurationPagesParts = {
  readonly shell: Shell;
  readonly imports: ImportDeskParts;
  readonly undo: ImportUndosParts;
  /** The path as it may be registered by this caller; throws a Fault when it may not. */
  readonly placeFor: (path: string, headers: Headers) => string;
  /** Where relative paths of a pasted text begin. */
  readonly modelsDir: () => string;
  /** The whole page with this in the place of what would be taken. */
  readonly page: (request: Request, part: JSX.Element) => Response;
};

const BASE = '/models/import/configuration';
/** A form writes many characters as three. */
const BODY_BYTES_MAX = 4 << 20;
const OriginForm = Type.Object({
  source: Type.Optional(Type.String({ maxLength: 40 })),
  text: Type.Optional(Type.String({ maxLength: CONFIGURATION_CHARACTERS_MAX })),
});
const NAME = Type.String({ maxLength: 4096 });
const Names = Type.Optional(Type.Union([NAME, Type.Array(NAME, { maxItems: 2_000 })]));
const TakeForm = Type.Object({ ...OriginForm.properties, model: Names, preset: Names, setting: Names });
const UndoForm = Type.Object({ token: Type.String({ minLength: 1, maxLength: 100 }) });

/** Their routes. */
export const configurationPages = (parts: ConfigurationPagesParts) => {
  const undos = new ImportUndos(parts.undo);
  return new Elysia({ name: 'configuration-pages' })
    .post(BASE, async ({ request, body }) => shown(parts, request, await previewed(parts, request, body)), {
      ...access('page', BODY_BYTES_MAX),
      body: OriginForm,
    })
    .post(`${BASE}/taking`, ({ request, body }) => taken(parts, undos, request, body), {
      ...access('page', BODY_BYTES_MAX),
      body: TakeForm,
    })
    .post(
      `${BASE}/undoing`,
      async ({ request, body }) => {
        const troubles = await undos.perform(body.token);
        const message = troubles.length === 0 ? 'The import is taken back.' : 'Most of the import is taken back.';
        const hint = troubles.join(' ') || 'Files of models stay where they are.';
        return shown(parts, request, <ConfigurationWords message={message} hint={hint} />);
      },
      { ...access('page'), body: UndoForm },
    );
};

function shown({ shell, page }: ConfigurationPagesParts, request: Request, safePart: JSX.Element): Response {
  return isFragment(request) ? shell.fragment(safePart) : page(request, safePart);
}

type OriginWish = typeof OriginForm.static;

/** A file is named by its program only: which one that is, the usual places say. */
function originOf(
  { imports, placeFor, modelsDir }: ConfigurationPagesParts,
  wish: OriginWish,
  headers: Headers,
): Origin {
  const text = wish.text ?? '';
  if (text.trim() !== '') {
    const checkPlace = (path: string) => placeFor(path, headers);
    return { kind: 'text', source: sourceOfText(text), text, folder: modelsDir(), checkPlace };
  }
  const found = foundSources(imports).find(({ source }) => source === wish.source);
  if (found) return { kind: 'file', ...found };
  throw new Fault('not-found', 'There is no configuration to be read.', {
    hint: 'Paste its text, or choose its file.',
  });
}

/** What cannot be read is told where it would be shown. */
async function previewed(parts: ConfigurationPagesParts, request: Request, wish: OriginWish): Promise<JSX.Element> {
  try {
    const origin = originOf(parts, wish, request.headers);
    const report = await importFrom(origin, parts.imports, { isDry: true, signal: request.signal });
    return <Configuration configuration={dataOf(origin, report, null)} />;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return <ConfigurationWords message={cause.message} hint={cause.hint} />;
  }
}

async function taken(
  parts: ConfigurationPagesParts,
  undos: ImportUndos,
  request: Request,
  form: typeof TakeForm.static,
): Promise<Response> {
  const { shell, imports } = parts;
  const origin = originOf(parts, form, request.headers);
  const before = undos.snapshot();
  const chosen = chosenIn(form);
  const report = await importFrom(origin, imports, { isDry: false, signal: request.signal, chosen });
  const undo = importUndo(before, undos.snapshot(), report);
  const done = { undo: undo === null ? null : undos.keep(undo) };
  // Rendered by a view: the name tells the escape checker so.
  const safeResult = <Configuration configuration={dataOf(origin, report, done)} />;
  if (!isFragment(request)) return parts.page(request, safeResult);
  const count = report.models.filter(({ outcome }) => outcome === 'new' || outcome === 'changed').length;
  const message = undo === null ? 'Nothing was changed.' : `${pluralText(count, 'model')} taken over.`;
  return answered(
    shell,
    request,
    <>
      {safeResult}
      <NoticePartial tone="info" message={message} />
    </>,
    '/models',
  );
}

function chosenIn({ model, preset, setting }: typeof TakeForm.static): Chosen {
  const ticked = (names: string | readonly string[] | undefined) => {
    const set = new Set([names ?? []].flat());
    return (name: string) => set.has(name);
  };
  return { model: ticked(model), preset: ticked(preset), setting: ticked(setting) };
}

function dataOf(origin: Origin, report: ImportReport, done: ConfigurationData['done']): ConfigurationData {
  const isFile = origin.kind === 'file';
  return {
    origin: {
      source: origin.source,
      place: isFile ? origin.path : 'the text that was given',
      text: isFile ? null : origin.text,
    },
    rows: configurationRows(report),
    done,
  };
}
