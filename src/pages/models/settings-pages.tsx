/** @jsxImportSource @kitajs/html */
/** A model's settings: a drawer of parts that are saved each by itself, by the same rules as over the API. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { configWith } from '#src/models/config-patch.ts';
import type { Model } from '#src/models/model.ts';
import { changed, type ModelRoutesParts } from '#src/models/routes.ts';
import type { Shell } from '#src/web/shell.tsx';
import { SettingsBody, type SettingsData, SettingsDrawer } from '#views/models/settings-drawer.tsx';
import { type Said, SettingsSection } from '#views/models/settings-section.tsx';
import type { FormFields } from './launch-fields.ts';
import { shownBeside } from './load-pages.tsx';
import type { Mine } from './mine.tsx';
import { needsRestart } from './present.ts';
import { type PresetDeskParts, type PresetWords, presetsData } from './preset-desk.ts';
import { readSection, SECTION_NAMES, type SectionWords, settingsSection } from './setting-fields.ts';
import { isFragment } from './told.tsx';
import { undoPatch } from './undo-patch.ts';

export type SettingsPagesParts = Pick<ModelRoutesParts, 'registry' | 'checkLaunch' | 'applyPreset'> &
  PresetDeskParts & {
    readonly shell: Shell;
    readonly mine: Mine;
    /** Throws Fault('model-not-found'). */
    readonly needModel: (modelId: string) => Model;
  };

const MODEL_ID = Type.String({ minLength: 1, maxLength: 200 });
const ModelQuery = Type.Object({ model: MODEL_ID });
const SectionForm = Type.Object({ model: MODEL_ID }, { additionalProperties: true });
const UndoForm = Type.Object({
  model: MODEL_ID,
  section: Type.String({ maxLength: 40 }),
  patch: Type.String({ maxLength: 1 << 19 }),
});
const Named = Type.Object({ section: Type.String({ maxLength: 40 }) });

/** The drawer and its parts; presets have routes of their own (`preset-pages.tsx`). */
export const settingsPages = (parts: SettingsPagesParts) => {
  const { shell, needModel } = parts;
  return new Elysia({ name: 'model-settings-pages' })
    .get(
      '/models/settings',
      ({ request, query }) =>
        shownBeside(shell, request, <SettingsDrawer settings={settingsData(parts, needModel(query.model))} />),
      { ...access('page'), query: ModelQuery },
    )
    .post('/models/settings/undoing', ({ request, body }) => undone(parts, request, body), {
      ...access('page'),
      body: UndoForm,
    })
    .post(
      '/models/settings/:section',
      ({ request, body, params }) => saved(parts, request, needModel(body.model), params.section, body),
      { ...access('page'), body: SectionForm, params: Named },
    );
};

/** Everything of the drawer. */
export function settingsData(parts: PresetDeskParts, model: Model, presetWords: PresetWords = {}): SettingsData {
  const isOurs = model.endpoint === null;
  const names = SECTION_NAMES.filter((name) => isOurs || name !== 'template');
  return {
    id: model.id,
    name: model.name,
    presets: presetsData(parts, model, presetWords),
    sections: names.map((name) => settingsSection(model, name)),
    isOurs,
  };
}

/** What was done, with the way back, as it is said beside what was changed. */
export function saidOf(mine: Mine, before: Model, after: Model, message: string): Said {
  const patch = undoPatch(before, after);
  return {
    message: patch === null ? 'Nothing has changed.' : message,
    undo: patch === null ? null : JSON.stringify(patch),
    needsRestart: needsRestart(mine.known(after)),
  };
}

/** The answer for a browser without scripts: the settings again. */
export function backToSettings(shell: Shell, model: Model): Response {
  const location = `/models/settings?model=${encodeURIComponent(model.id)}`;
  return shell.fragment('', { status: 303, headers: { location } });
}

function saved(parts: SettingsPagesParts, request: Request, model: Model, name: string, form: FormFields): Response {
  const { shell, mine } = parts;
  try {
    const after = changed(model, readSection(model, name, form), parts);
    if (!isFragment(request)) return backToSettings(shell, after);
    return section(parts, after, name, { ...NOTHING_SAID, said: saidOf(mine, model, after, 'Saved.') }, 200);
  } catch (cause) {
    if (!(cause instanceof Fault) || !isFragment(request)) throw cause;
    const trouble = [cause.message, cause.hint].filter((part) => part !== null).join(' ');
    const wrongField = stringOrNull(cause.details.field);
    return section(parts, model, name, { said: null, trouble, typed: form, wrongField }, 422);
  }
}

const NOTHING_SAID: SectionWords = { said: null, trouble: null, typed: null, wrongField: null };

function section(
  { shell }: SettingsPagesParts,
  model: Model,
  name: string,
  words: SectionWords,
  status: number,
): Response {
  return shell.fragment(<SettingsSection section={settingsSection(model, name, words)} />, { status });
}

function undone(parts: SettingsPagesParts, request: Request, form: typeof UndoForm.static): Response {
  const { shell, registry, mine, needModel, checkLaunch } = parts;
  const before = needModel(form.model);
  const { aliases, ...patch } = readPatch(form.patch);
  // Not by `changed`: the name of a preset in it says where the values came from, and is no order to apply it.
  const after = registry.configure(
    before.id,
    (config) => {
      const undoneConfig = configWith(config, patch);
      checkLaunch(undoneConfig.launch, before);
      return undoneConfig;
    },
    aliasesIn(aliases),
  );
  if (!isFragment(request)) return backToSettings(shell, after);
  const said = { ...saidOf(mine, before, after, 'Taken back.'), undo: null };
  if (form.section !== 'presets') return section(parts, after, form.section, { ...NOTHING_SAID, said }, 200);
  return shell.fragment(<SettingsBody settings={settingsData(parts, after, { said })} />);
}

function readPatch(text: string): JsonObject {
  try {
    const patch: unknown = JSON.parse(text);
    if (isObject(patch)) return patch;
  } catch {
    // Told below, like everything else that is no patch.
  }
  throw new Fault('invalid-request', 'This cannot be taken back.');
}

function aliasesIn(aliases: unknown): readonly string[] | undefined {
  return Array.isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : undefined;
}
