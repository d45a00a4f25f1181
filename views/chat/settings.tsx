/** @jsxImportSource @kitajs/html */
/** What answers are asked for with: model, a second one, system prompt, sampling. Saved when changed. */
import { type Choice, Field, inputAttributes, NumberField, SelectField, SwitchField } from '../parts/field.tsx';
import { postsTo } from '../parts/posting.ts';
import { chatChoicesId, chatModelId, chatPath } from './addresses.ts';

export type SettingsData = {
  readonly conversationId: string | null;
  readonly models: readonly Choice[];
  readonly model: string;
  readonly rival: string;
  readonly system: string;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly maxTokens: number | null;
  readonly thinking: 'auto' | 'on' | 'off';
  readonly tools: boolean;
  /** In words: ready, or how long it takes to load. */
  readonly modelState: string;
};

const THINKING: readonly Choice[] = [
  { value: 'auto', label: 'As the model is set up' },
  { value: 'on', label: 'On' },
  { value: 'off', label: 'Off' },
];

export function Settings({ settings }: { settings: SettingsData }): JSX.Element {
  const { conversationId } = settings;
  const address = conversationId === null ? '/chat/settings' : `${chatPath(conversationId)}/settings`;
  return (
    <form class="chat-settings" id="chat-settings" {...postsTo(address)} hx-trigger="change, submit">
      <ModelChoices settings={settings} />
      <details class="chat-settings__more">
        <summary class="chat-settings__summary">System prompt and sampling</summary>
        <Field id="chat-system" label="System prompt">
          <textarea class="input" name="system" rows="3" {...inputAttributes({ id: 'chat-system', label: '' })} safe>
            {settings.system}
          </textarea>
        </Field>
        <div class="fields">
          <NumberField
            id="chat-temperature"
            name="temperature"
            label="Temperature"
            effect="Empty = as the model is set up"
            value={settings.temperature}
            min={0}
            max={5}
            step="any"
          />
          <NumberField id="chat-top-p" name="top_p" label="Top p" value={settings.topP} min={0} max={1} step="any" />
          <NumberField
            id="chat-max-tokens"
            name="max_tokens"
            label="Longest answer"
            unit="tokens"
            value={settings.maxTokens}
            min={1}
            step={1}
          />
          <SelectField
            id="chat-thinking"
            name="thinking"
            label="Thinking"
            value={settings.thinking}
            choices={THINKING}
          />
          <SwitchField
            id="chat-tools"
            name="tools"
            label="Offer a trial tool"
            effect="To see how a model calls; nothing is carried out"
            isOn={settings.tools}
          />
        </div>
      </details>
      <noscript>
        <button class="button" type="submit">
          Save
        </button>
      </noscript>
    </form>
  );
}

/** Who answers; said anew when models come and go. */
export function ModelChoices({ settings }: { settings: SettingsData }): JSX.Element {
  const { models, model, rival } = settings;
  return (
    <div class="chat-settings__models" id={chatChoicesId}>
      <SelectField id="chat-model" name="model" label="Model" value={model} choices={models} />
      <SelectField
        id="chat-rival"
        name="rival"
        label="Compare with"
        value={rival}
        choices={[{ value: '', label: 'No other' }, ...models.filter(({ value }) => value !== '')]}
      />
      <ModelState text={settings.modelState} />
    </div>
  );
}

export function ModelState({ text }: { text: string }): JSX.Element {
  return (
    <p class="chat-settings__state" id={chatModelId} role="status" safe>
      {text}
    </p>
  );
}
