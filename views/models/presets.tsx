/** @jsxImportSource @kitajs/html */
/** Named choices of behaviour: put on a model, made from what it has now, thrown away. */
import { TextField } from '../parts/field.tsx';
import { postsTo } from '../parts/posting.ts';
import { type Said, SaidLine, settingsBodyId } from './settings-section.tsx';

export type PresetData = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly isBuiltin: boolean;
  /** Made for the family of this model. */
  readonly suits: boolean;
};

export type PresetsData = {
  readonly modelId: string;
  /** Of the preset that the model was set up by; '' = none. */
  readonly current: string;
  /** Its settings are no longer those of the preset. */
  readonly isModified: boolean;
  readonly presets: readonly PresetData[];
  /** What a new preset may be called, as it was typed. */
  readonly name: string;
  readonly trouble: string | null;
  readonly said: Said | null;
  /** A preset that was just deleted, as JSON; null = none. */
  readonly removed: string | null;
};

export function Presets({ data }: { data: PresetsData }): JSX.Element {
  const { modelId, current, isModified, presets } = data;
  const used = presets.find(({ id }) => id === current);
  return (
    <details class="section" id="settings-presets" open>
      <summary class="section__title">
        <span>Presets</span>
        <span class="section__note">{used ? `${used.name}${isModified ? ', modified' : ''}` : 'none'}</span>
      </summary>
      <div class="settings">
        <ApplyForm data={data} />
        <SaveAsForm data={data} />
        {used && !used.isBuiltin ? <RenameForm modelId={modelId} preset={used} /> : ''}
        {used && !used.isBuiltin ? (
          <div class="section__buttons">
            {isModified ? (
              <form class="action" {...postsTo('/models/settings/preset-updating', { target: settingsBodyId })}>
                <input type="hidden" name="model" value={modelId} />
                <button class="button" type="submit" aria-label={`Update preset ${used.name}`}>
                  Update preset
                </button>
              </form>
            ) : (
              ''
            )}
            <form class="action" {...postsTo('/models/settings/preset-removing', { target: settingsBodyId })}>
              <input type="hidden" name="model" value={modelId} />
              <input type="hidden" name="preset" value={used.id} />
              <button class="button button--danger" type="submit" aria-label={`Delete preset ${used.name}`}>
                Delete preset
              </button>
            </form>
          </div>
        ) : (
          ''
        )}
        <SaidLine said={data.said} modelId={modelId} section="presets" />
        {data.removed === null ? (
          ''
        ) : (
          <form class="action" {...postsTo('/models/settings/preset-restoring', { target: settingsBodyId })}>
            <input type="hidden" name="model" value={modelId} />
            <input type="hidden" name="removed" value={data.removed} />
            <button class="button" type="submit" aria-label="Undo: bring the preset back">
              Undo
            </button>
          </form>
        )}
      </div>
    </details>
  );
}

/** A name that another preset has is told among the notices, and nothing changes. */
function RenameForm({ modelId, preset }: { modelId: string; preset: PresetData }): JSX.Element {
  return (
    <form class="presets__save" {...postsTo('/models/settings/preset-renaming', { target: settingsBodyId })}>
      <input type="hidden" name="model" value={modelId} />
      <input type="hidden" name="preset" value={preset.id} />
      <TextField id="settings-preset-rename" name="name" label="Name of this preset" value={preset.name} />
      <button class="button" type="submit" aria-label={`Rename preset ${preset.name}`}>
        Rename
      </button>
    </form>
  );
}

function ApplyForm({ data: { modelId, current, presets } }: { data: PresetsData }): JSX.Element {
  const suited = presets.filter(({ suits }) => suits);
  const own = presets.filter(({ isBuiltin, suits }) => !isBuiltin && !suits);
  const others = presets.filter(({ isBuiltin, suits }) => isBuiltin && !suits);
  return (
    <form class="section__buttons" {...postsTo('/models/settings/preset', { target: settingsBodyId })}>
      <input type="hidden" name="model" value={modelId} />
      <label class="hidden" for="settings-preset">
        Preset
      </label>
      <select class="input presets__choice" id="settings-preset" name="preset">
        <Group label="For this model" presets={suited} current={current} />
        <Group label="My presets" presets={own} current={current} />
        <Group label="Others" presets={others} current={current} />
      </select>
      <button class="button" type="submit" aria-label="Apply the preset">
        Apply
      </button>
    </form>
  );
}

function Group({ label, presets, current }: { label: string; presets: readonly PresetData[]; current: string }) {
  if (presets.length === 0) return '';
  return (
    <optgroup label={label}>
      {presets.map(({ id, name }) => (
        <option value={id} {...(id === current ? { selected: true } : {})} safe>
          {name}
        </option>
      ))}
    </optgroup>
  );
}

function SaveAsForm({ data: { modelId, name, trouble } }: { data: PresetsData }): JSX.Element {
  const posting = postsTo('/models/settings/preset-saving', { target: settingsBodyId });
  return (
    <form class="presets__save" {...posting} {...{ 'hx-status:422': `target:#${settingsBodyId} swap:outerMorph` }}>
      <input type="hidden" name="model" value={modelId} />
      <TextField
        id="settings-preset-name"
        name="name"
        label="Save as a preset"
        effect="Keeps its sampling, thinking and template arguments under a name."
        value={name}
        error={trouble}
      />
      <button class="button" type="submit" aria-label="Save as a preset">
        Save as
      </button>
    </form>
  );
}
