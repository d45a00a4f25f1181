/** @jsxImportSource @kitajs/html */
/** Presets in a model's settings: apply, save as, update, delete. Each is answered by the settings as they are then. */
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { PresetWish } from '#src/behaviour/preset-book.ts';
import type { Preset } from '#src/behaviour/presets.ts';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import { changed } from '#src/models/routes.ts';
import { SettingsBody } from '#views/models/settings-drawer.tsx';
import { type PresetWords, presetBehaviour } from './preset-desk.ts';
import { backToSettings, type SettingsPagesParts, saidOf, settingsData } from './settings-pages.tsx';
import { isFragment } from './told.tsx';

const MODEL_ID = Type.String({ minLength: 1, maxLength: 200 });
const ModelForm = Type.Object({ model: MODEL_ID });
const PresetForm = Type.Object({ model: MODEL_ID, preset: Type.String({ minLength: 1, maxLength: 200 }) });
const RenameForm = Type.Object({ ...PresetForm.properties, name: Type.String({ maxLength: 1_000 }) });
const RestoreForm = Type.Object({ model: MODEL_ID, removed: Type.String({ maxLength: 1 << 19 }) });
const RemovedPreset = Type.Object({ name: Type.String(), behaviour: Type.Unknown(), launch: Type.Unknown() });
const NameForm = Type.Object({ model: MODEL_ID, name: Type.String({ maxLength: 1_000 }) });

/** What can be done with presets. */
export const presetPages = (parts: SettingsPagesParts) => {
  const { presets, needModel, mine } = parts;
  const nothingToUndo = (message: string) => ({ said: { message, undo: null, needsRestart: false } });
  return new Elysia({ name: 'model-preset-pages' })
    .post(
      '/models/settings/preset',
      ({ request, body }) => {
        const before = needModel(body.model);
        const { name } = presets.need(body.preset);
        const after = changed(before, { preset: body.preset }, parts);
        return settings(parts, request, after, { said: saidOf(mine, before, after, `${name} is applied.`) });
      },
      { ...access('page'), body: PresetForm },
    )
    .post('/models/settings/preset-saving', ({ request, body }) => savedAs(parts, request, body), {
      ...access('page'),
      body: NameForm,
    })
    .post(
      '/models/settings/preset-updating',
      ({ request, body }) => {
        const model = needModel(body.model);
        const { name } = presets.update(model.config.preset ?? '', { behaviour: presetBehaviour(model) });
        return settings(parts, request, model, nothingToUndo(`${name} holds what this model has now.`));
      },
      { ...access('page'), body: ModelForm },
    )
    .post(
      '/models/settings/preset-renaming',
      ({ request, body }) => {
        const model = needModel(body.model);
        const before = presets.need(body.preset);
        const { name } = presets.update(body.preset, { name: body.name });
        return settings(parts, request, model, nothingToUndo(`${before.name} is called ${name} now.`));
      },
      { ...access('page'), body: RenameForm },
    )
    .post(
      '/models/settings/preset-removing',
      ({ request, body }) => {
        const model = needModel(body.model);
        const { name, behaviour, launch } = presets.need(body.preset);
        presets.remove(body.preset);
        const removed = JSON.stringify({ name, behaviour, launch });
        const words = nothingToUndo(`${name} is deleted; models keep what it gave them.`);
        return settings(parts, request, model, { ...words, removed });
      },
      { ...access('page'), body: PresetForm },
    )
    .post(
      '/models/settings/preset-restoring',
      ({ request, body }) => {
        const preset = presets.add(wishIn(body.removed));
        const model = asItsOwn(parts, needModel(body.model), preset);
        return settings(parts, request, model, nothingToUndo(`${preset.name} is back.`));
      },
      { ...access('page'), body: RestoreForm },
    );
};

/** A deleted preset as its form kept it; the book looks at every part of it again. */
function wishIn(text: string): PresetWish {
  try {
    return Value.Decode(RemovedPreset, JSON.parse(text));
  } catch (cause) {
    throw new Fault('invalid-request', 'This cannot be taken back.', { cause });
  }
}

/** It came back under another id; a model that still names the former one is meant to have it. */
function asItsOwn({ presets, registry }: SettingsPagesParts, model: Model, preset: Preset): Model {
  const named = model.config.preset;
  if (named === null || presets.list().some(({ id }) => id === named)) return model;
  return registry.configure(model.id, (config) => ({ ...config, preset: preset.id }));
}

function savedAs(parts: SettingsPagesParts, request: Request, form: typeof NameForm.static): Response {
  const { presets, needModel, registry } = parts;
  const model = needModel(form.model);
  try {
    const preset: Preset = presets.add({ name: form.name, behaviour: presetBehaviour(model) });
    // It only says where the values come from; they are the model's already.
    const after = registry.configure(model.id, (config) => ({ ...config, preset: preset.id }));
    const message = `${preset.name} is kept for this and every other model.`;
    return settings(parts, request, after, { said: { message, undo: null, needsRestart: false } });
  } catch (cause) {
    if (!(cause instanceof Fault) || !isFragment(request)) throw cause;
    return settings(parts, request, model, { name: form.name, trouble: cause.message }, 422);
  }
}

function settings(
  parts: SettingsPagesParts,
  request: Request,
  model: Model,
  words: PresetWords,
  status = 200,
): Response {
  const { shell } = parts;
  if (!isFragment(request)) return backToSettings(shell, model);
  return shell.fragment(<SettingsBody settings={settingsData(parts, model, words)} />, { status });
}
