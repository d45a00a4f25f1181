/** @jsxImportSource @kitajs/html */
/** `/settings`: the page, and saving what is changed on it. Everything is judged by the settings' own store. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { SettingName } from '#src/settings/settings.ts';
import type { SettingsFile } from '#src/settings/store.ts';
import { isSettingName } from '#src/settings/validation.ts';
import { markupOf } from '#src/web/markup.ts';
import type { Shell } from '#src/web/shell.tsx';
import { Notice, noticeId } from '#views/parts/notice.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { Transfer, type TransferData } from '#views/settings/about.tsx';
import { SettingsPage } from '#views/settings/page.tsx';
import { Saved, Setting, settingId, settingNoteId } from '#views/settings/setting.tsx';
import { ImportUndo } from '#views/settings/undo.tsx';
import { isFragment, seeOther } from './answers.ts';
import { textOf, valueFrom } from './field-values.ts';
import type { LiveSettings } from './live-settings.tsx';
import { LISTED } from './sections.ts';
import { type Draft, PLAIN_WISH, type SettingsView, type Wish } from './settings-view.ts';
import { exported, imported } from './transfer.ts';

export type SettingsPagesParts = {
  readonly shell: Shell;
  readonly view: SettingsView;
  readonly live: Pick<LiveSettings, 'everything'>;
  readonly settings: Pick<SettingsFile, 'current' | 'origin' | 'update' | 'refresh'>;
  readonly version: string;
  /** Who looks, in words; null = the owner, without a key. */
  readonly signedIn: (request: Request) => string | null;
  /** Finds out what is not known yet, as far as that is done soon. */
  readonly prepare: () => Promise<void>;
  readonly examine: () => Promise<NonNullable<Wish['findings']>>;
};

const TEXT_MAX = 100_000;
const Text = Type.String({ maxLength: TEXT_MAX });
const PageQuery = Type.Object({
  q: Type.Optional(Type.String({ maxLength: 200 })),
  changed: Type.Optional(Type.String({ maxLength: 5 })),
  doctor: Type.Optional(Type.String({ maxLength: 5 })),
});
/** A switch sends what it is when off, and then, when it is on, that as well. */
const FieldForm = Type.Object({ name: Type.String({ maxLength: 60 }), value: Type.Union([Text, Type.Array(Text)]) });
const ImportForm = Type.Object({ text: Text });
/** Statuses that belong beside the field; a full disk is everybody's trouble. */
const BESIDE: Readonly<Record<string, number>> = { 'invalid-request': 422, conflict: 409 };

/** The page and its forms; engines, agents and the rest: `panel-pages.tsx`. */
export const settingsPages = (parts: SettingsPagesParts) => {
  const { shell, view, live, settings, prepare, examine } = parts;
  const page = pageOf(parts);
  return new Elysia({ name: 'settings-pages' })
    .use(transferPages(parts))
    .get(
      '/settings',
      async ({ request, query }) => {
        await Promise.all([settings.refresh(), prepare()]);
        const filter = { text: query.q ?? '', isChangedOnly: query.changed === '1' };
        const findings = query.doctor === undefined ? null : await examine();
        return page(request, { ...PLAIN_WISH, filter, findings });
      },
      { ...access('page'), query: PageQuery },
    )
    .get('/settings/fields', () => shell.fragment(live.everything()), access('page'))
    .get(
      '/settings/field/:name',
      ({ params }) => shell.fragment(<Setting setting={view.setting(known(params.name))} />),
      access('page'),
    )
    .post(
      '/settings/field',
      async ({ request, body }) => {
        const name = known(body.name);
        const text = typeof body.value === 'string' ? body.value : (body.value.at(-1) ?? '');
        const before = textOf(settings.current[name]);
        try {
          await settings.update({ [name]: valueFrom(name, text) });
        } catch (cause) {
          const { draft, status } = refused(name, text, cause);
          if (!isFragment(request)) return page(request, { ...PLAIN_WISH, draft }, status);
          return shell.fragment(<Setting setting={view.setting(name, draft)} />, { status });
        }
        if (!isFragment(request)) return seeOther(shell, `/settings#${settingId(name)}`);
        return shell.fragment(savedField(view, name, before, textOf(settings.current[name])));
      },
      { ...access('page'), body: FieldForm },
    );
};

/** Settings as a file: out, and in again. */
function transferPages(parts: SettingsPagesParts) {
  const { shell, settings, version } = parts;
  const page = pageOf(parts);
  return new Elysia({ name: 'settings-transfer' })
    .get(
      '/settings/export',
      () =>
        new Response(`${JSON.stringify(exported(settings, version), null, 2)}\n`, {
          headers: {
            'content-type': 'application/json; charset=utf-8',
            'content-disposition': 'attachment; filename="flow-settings.json"',
            'cache-control': 'no-store',
          },
        }),
      access('page'),
    )
    .post(
      '/settings/import',
      async ({ request, body }) => {
        let former: JsonObject;
        try {
          former = await take(settings, imported(body.text));
        } catch (cause) {
          const fault = asFault(cause);
          const status = BESIDE[fault.kind];
          if (status === undefined) throw cause;
          const transfer: TransferData = { text: body.text, error: fault.message };
          if (!isFragment(request)) return page(request, { ...PLAIN_WISH, transfer }, status);
          return shell.fragment(<Transfer transfer={transfer} />, { status });
        }
        return isFragment(request) ? shell.fragment(taken(former)) : seeOther(shell, '/settings');
      },
      { ...access('page'), body: ImportForm },
    );
}

/** Makes the whole page. */
export function pageOf({ shell, view, signedIn }: Pick<SettingsPagesParts, 'shell' | 'view' | 'signedIn'>) {
  return (request: Request, wish: Wish, status = 200): Response => {
    const body = <SettingsPage data={view.page({ ...wish, signedIn: signedIn(request) })} />;
    return shell.page(
      request,
      {
        title: 'Settings',
        current: 'settings',
        styles: ['page-index', 'settings', 'settings-panels'],
        scripts: ['settings'],
        body,
      },
      { status },
    );
  };
}

/** Takes settings over, and gives back the former values of those that changed. */
async function take(settings: SettingsPagesParts['settings'], values: JsonObject): Promise<JsonObject> {
  const before = settings.current;
  const after = await settings.update(values);
  const names = Object.keys(values).filter(isSettingName);
  return Object.fromEntries(
    names.filter((name) => textOf(before[name]) !== textOf(after[name])).map((name) => [name, before[name]]),
  );
}

/** The emptied form, and a notice with a way back. */
function taken(former: JsonObject): string {
  const count = Object.keys(former).length;
  const message = count === 0 ? 'Nothing was different.' : `${count} ${count === 1 ? 'setting' : 'settings'} changed.`;
  return markupOf(
    <>
      <Transfer transfer={PLAIN_WISH.transfer} />
      <Partial target={noticeId} swap="beforeend">
        <Notice tone="info" message={message} hint={null}>
          {count === 0 ? '' : <ImportUndo text={JSON.stringify(former)} />}
        </Notice>
      </Partial>
    </>,
  );
}

/** The field as it is now, and beside it that it was saved, with a way back. */
function savedField(view: SettingsView, name: SettingName, before: string, after: string): string {
  const label = LISTED.get(name)?.label ?? name;
  return markupOf(
    <>
      <Setting setting={view.setting(name)} />
      {before === after ? (
        ''
      ) : (
        <Partial target={settingNoteId(name)} swap="innerHTML">
          <Saved name={name} label={label} undo={before} />
        </Partial>
      )}
    </>,
  );
}

/** What is said beside the field. Throws on what is not the field's fault. */
function refused(name: SettingName, text: string, cause: unknown): { draft: Draft; status: number } {
  const fault = asFault(cause);
  const status = BESIDE[fault.kind];
  if (status === undefined) throw cause;
  const fields = isObject(fault.details) && isObject(fault.details.fields) ? fault.details.fields : {};
  return { draft: { name, text, error: stringOrNull(fields[name]) ?? fault.message }, status };
}

function known(name: string): SettingName {
  if (isSettingName(name)) return name;
  throw new Fault('not-found', 'There is no such setting.');
}
