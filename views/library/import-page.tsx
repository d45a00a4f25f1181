/** @jsxImportSource @kitajs/html */
/** `/models/import`: models that lie or run on this machine already, to be used where they are. */
import type { Children } from '@kitajs/html';
import { ModelsTabs } from '../models/tabs.tsx';
import { ActionButton } from '../parts/button.tsx';
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { TextField } from '../parts/field.tsx';
import { postsTo } from '../parts/posting.ts';
import { bytesText, pluralText } from '../parts/quantity.tsx';
import { Tag } from '../parts/tag.tsx';
import { Configurations, type FoundConfiguration } from './configurations.tsx';
import { Pending } from './get-page.tsx';

export type LocalModelData = {
  readonly path: string;
  readonly name: string;
  readonly place: string;
  readonly format: string;
  readonly quantization: string | null;
  readonly sizeBytes: number;
  /** The id by which it is registered already. */
  readonly modelId: string | null;
};

/** An engine that answers on this machine and is not connected. */
export type OfferedEngineData = {
  readonly baseUrl: string;
  readonly product: string;
  readonly wantsKey: boolean;
  readonly models: readonly string[];
};

export type EnginesData = { readonly engines: readonly OfferedEngineData[]; readonly hasLooked: boolean };

export const localModelsId = 'import-found';
export const enginesId = 'import-engines';
const FOUND = '/models/import/found';

export type ImportPageProps = {
  readonly engines: EnginesData;
  readonly configurations: readonly FoundConfiguration[];
  /** What would be taken of one of them, when it is known already. */
  readonly configuration?: Children;
  /** Downloads under way. */
  readonly downloads: number;
  /** What the folders held, when it is known already. */
  readonly children?: Children;
};

export function ImportPage(props: ImportPageProps): JSX.Element {
  const { engines, configurations, configuration, downloads, children } = props;
  return (
    <div class="library import">
      <ModelsTabs current="import" downloads={downloads} />
      <Card id="import-local" title="Found in other programs' folders">
        {children ?? <Pending id={localModelsId} address={FOUND} words="Looking through the folders…" />}
      </Card>
      <Card id="import-running" title="Engines that run on this machine">
        <Engines found={engines} />
      </Card>
      <Card id="import-configurations" title="Configurations of other programs">
        <Configurations found={configurations}>{configuration}</Configurations>
      </Card>
      <Card id="import-path" title="By its path">
        <form class="import__path" {...postsTo('/models/import/registering')}>
          <TextField
            id="import-path-field"
            name="path"
            label="GGUF file or MLX folder"
            value=""
            placeholder="/home/me/models/model.gguf"
            effect="Below the models folder, a folder of the setting model_roots, or one of the programs above."
          />
          <button class="button button--primary" type="submit">
            Add
          </button>
        </form>
      </Card>
    </div>
  );
}

/** What the folders held; those that are registered already are said so. */
export function LocalModels({ models, skipped }: { models: readonly LocalModelData[]; skipped: number }): JSX.Element {
  const isAnyNew = models.some(({ modelId }) => modelId === null);
  return (
    <section id={localModelsId} aria-label="Models found">
      {models.length === 0 ? (
        <Empty title="None was found">
          <p>Looked for were models of Hugging Face, LM Studio, Ollama and llama.cpp.</p>
        </Empty>
      ) : (
        <form class="import__form" {...postsTo('/models/import/taking')}>
          <ul class="import__list">
            {models.map((model) => (
              <LocalModel model={model} />
            ))}
          </ul>
          {isAnyNew ? (
            <button class="button button--primary" type="submit">
              Use where they are
            </button>
          ) : (
            <p class="import__quiet">All of them are in your list.</p>
          )}
        </form>
      )}
      {skipped === 0 ? (
        ''
      ) : (
        <p class="import__quiet" safe>
          {`${pluralText(skipped, 'file')} could not be offered: incomplete or unreadable.`}
        </p>
      )}
    </section>
  );
}

function LocalModel({ model }: { model: LocalModelData }): JSX.Element {
  const { path, name, place, format, quantization, sizeBytes, modelId } = model;
  return (
    <li class="import__one">
      <label class="check">
        <input type="checkbox" name="path" value={path} {...(modelId === null ? {} : { disabled: true })} />
        <span safe>{name}</span>
      </label>
      <span class="tags">
        <Tag word={format.toUpperCase()} kind="format" />
        {quantization === null ? '' : <Tag word={quantization} />}
        <Tag word={place} />
        {modelId === null ? '' : <Tag word="in your list" />}
      </span>
      <span class="import__quiet" safe>{`${bytesText(sizeBytes)} · ${path}`}</span>
    </li>
  );
}

/** Engines to connect to, and the button that looks again. */
export function Engines({ found: { engines, hasLooked } }: { found: EnginesData }): JSX.Element {
  return (
    <section class="import__form" id={enginesId} aria-label="Engines found">
      {engines.length === 0 ? (
        <p class="import__quiet">{hasLooked ? 'None answers on the usual ports.' : 'Nobody has looked yet.'}</p>
      ) : (
        <ul class="import__list">
          {engines.map((engine) => (
            <Engine engine={engine} />
          ))}
        </ul>
      )}
      <ActionButton
        action="/models/import/looking"
        fields={{}}
        label="Look again"
        description="Look again for engines on this machine"
      />
    </section>
  );
}

function Engine({ engine: { baseUrl, product, wantsKey, models } }: { engine: OfferedEngineData }): JSX.Element {
  return (
    <li class="import__one">
      <span safe>{`${product} at ${baseUrl}`}</span>
      {wantsKey ? (
        <form class="import__path" {...postsTo('/models/import/connecting')}>
          <input type="hidden" name="address" value={baseUrl} />
          <label class="field">
            <span class="field__label">Its key</span>
            <input class="input" type="password" name="key" autocomplete="off" />
          </label>
          <button class="button" type="submit">
            Connect
          </button>
        </form>
      ) : (
        models.map((model) => (
          <ActionButton
            action="/models/import/connecting"
            fields={{ address: baseUrl, model }}
            label={`Connect ${model}`}
            description={`Connect ${model} of ${product}`}
          />
        ))
      )}
    </li>
  );
}
