/** @jsxImportSource @kitajs/html */
/** One model of the list: what it is, what it does, what it takes, and what may be done about it. */
import { Doing, look, type ModelDoing } from '../monitor/model-card.tsx';
import { Badge } from '../parts/badge.tsx';
import { ActionButton } from '../parts/button.tsx';
import { domKey } from '../parts/dom-key.ts';
import { drawerId } from '../parts/drawer.tsx';
import { Menu } from '../parts/menu.tsx';
import { loadsFrom } from '../parts/posting.ts';
import { bytesText, countText, durationText, rateText, tokensText } from '../parts/quantity.tsx';
import { Tag } from '../parts/tag.tsx';

/** What a model of the list does; its files may also not be there. */
export type RowDoing = ModelDoing | { readonly phase: 'missing'; readonly message: string; readonly hint: string };

export type ModelRowData = {
  readonly id: string;
  readonly name: string;
  /** The name in its parts: `gemma-4`, `26B-A4B`, `it`; what it does not say is null. */
  readonly family: string;
  readonly size: string | null;
  readonly rest: string | null;
  /** Its file or folder without the way to it; null for what somebody else serves. */
  readonly file: string | null;
  readonly format: string;
  readonly quantization: string | null;
  /** What it can do, in words. */
  readonly abilities: readonly string[];
  /** Other names by which it is asked for. */
  readonly otherNames: readonly string[];
  /** Its file, or the address where somebody else serves it. */
  readonly place: string;
  readonly isDemo: boolean;
  readonly isManaged: boolean;
  readonly isExternal: boolean;
  readonly isPinned: boolean;
  readonly sizeBytes: number;
  /** What it holds, or would; null when nobody can tell. */
  readonly memory: {
    readonly bytes: number;
    readonly source: 'measured' | 'engine' | 'formula';
    readonly isHeld: boolean;
  } | null;
  /** Of one conversation, as it runs or as it would be loaded. */
  readonly contextTokens: number | null;
  readonly doing: RowDoing;
  /** It runs with other settings than it would be loaded with now. */
  readonly isOutdated: boolean;
  readonly unusedS: number | null;
  /** Nobody has used it for so long that its room may be worth more. */
  readonly isLongUnused: boolean;
  readonly requests: number;
  readonly tokensPerS: number | null;
};

/** A row's address. */
export const modelRowId = (id: string): string => `mine-${domKey(id)}`;

/** The form that every row's box belongs to. */
export const bulkFormId = 'mine-bulk';

const MEMORY_WORDS = { measured: 'measured', engine: 'by the engine', formula: 'estimated' } as const;

export function ModelRow({ model }: { model: ModelRowData }): JSX.Element {
  return (
    <tr class="mine__row" id={modelRowId(model.id)} data-phase={model.doing.phase}>
      <td class="mine__pick">
        <input
          type="checkbox"
          id={`pick-${domKey(model.id)}`}
          name="model"
          value={model.id}
          form={bulkFormId}
          aria-label={`Choose ${model.name}`}
        />
      </td>
      <th scope="row" class="mine__model">
        <Identity model={model} />
      </th>
      <td class="mine__state">
        <State model={model} />
      </td>
      <td class="table__number mine__wide" safe>
        {model.sizeBytes === 0 ? '–' : bytesText(model.sizeBytes)}
      </td>
      <td class="table__number mine__wide">
        <Memory memory={model.memory} />
      </td>
      <td class="table__number mine__wide" safe>
        {model.contextTokens === null ? '–' : tokensText(model.contextTokens)}
      </td>
      <td class="table__number mine__wider" safe>
        {model.unusedS === null ? '–' : `${durationText(model.unusedS)} ago`}
      </td>
      <td class="table__number mine__wider" safe>
        {model.requests === 0 ? '–' : countText(model.requests)}
      </td>
      <td class="table__number mine__wider" safe>
        {model.tokensPerS === null ? '–' : rateText(model.tokensPerS)}
      </td>
      <td class="mine__actions">
        <Actions model={model} />
      </td>
    </tr>
  );
}

function Identity({ model }: { model: ModelRowData }): JSX.Element {
  const { quantization, abilities, otherNames, family, size, rest, file, place } = model;
  const isWhole = size === null && rest === null;
  return (
    <>
      <span class="mine__name">
        <span safe>{family}</span>
        {size === null ? '' : <span class="mine__size" safe>{` ${size}`}</span>}
        {rest === null ? '' : <span class="mine__rest" safe>{` ${rest}`}</span>}
      </span>
      <span class="tags">
        <Tag word={model.format.toUpperCase()} kind="format" />
        {quantization === null ? '' : <Tag word={quantization} />}
        {model.isDemo ? <Tag word="demo" /> : ''}
        {model.isExternal ? <Tag word="external" /> : ''}
        {model.isPinned ? <Tag word="pinned" /> : ''}
        {abilities.map((word) => (
          <Tag word={word} />
        ))}
      </span>
      {isWhole && model.id === model.name && otherNames.length === 0 ? (
        ''
      ) : (
        <span class="mine__names" safe>
          {`asked for as ${[model.id, ...otherNames].join(', ')}`}
        </span>
      )}
      <span class="mine__place" title={place} safe>
        {file ?? place}
      </span>
      <span class="mine__facts" safe>
        {factsOf(model)}
      </span>
    </>
  );
}

/** What the columns say that a narrow window has no room for. */
function factsOf({ sizeBytes, memory, contextTokens, tokensPerS }: ModelRowData): string {
  const facts = [
    sizeBytes === 0 ? null : `${bytesText(sizeBytes)} on disk`,
    memory === null ? null : `${bytesText(memory.bytes)} in memory (${MEMORY_WORDS[memory.source]})`,
    contextTokens === null ? null : `context ${tokensText(contextTokens)}`,
    tokensPerS === null ? null : rateText(tokensPerS),
  ];
  return facts.filter((fact) => fact !== null).join(' · ');
}

function State({ model }: { model: ModelRowData }): JSX.Element {
  const { doing, id, name } = model;
  if (doing.phase === 'missing') {
    return (
      <>
        <Badge icon="failed" word="missing" tone="danger" />
        <p class="mine__note" safe>
          {doing.message}
        </p>
        <p class="mine__note" safe>
          {doing.hint}
        </p>
      </>
    );
  }
  return (
    <>
      <Badge {...look(doing)} />
      <Doing doing={doing} name={name} />
      {model.isOutdated ? (
        <ActionButton
          action="/models/restarting"
          fields={{ model: id }}
          label="Restart to apply"
          description={`Restart to apply what has changed since ${name} was loaded: its settings, or its engine`}
        />
      ) : (
        ''
      )}
    </>
  );
}

function Memory({ memory }: { memory: ModelRowData['memory'] }): JSX.Element {
  if (memory === null) return '–';
  return (
    <>
      <span class={memory.source === 'formula' ? 'mine__estimate' : 'mine__measured'} safe>
        {bytesText(memory.bytes)}
      </span>
      <span class="mine__source">
        {memory.isHeld ? `${MEMORY_WORDS[memory.source]}, now` : MEMORY_WORDS[memory.source]}
      </span>
    </>
  );
}

function Actions({ model }: { model: ModelRowData }): JSX.Element {
  const { id, name } = model;
  const address = (page: string) => `/models/${page}?model=${encodeURIComponent(id)}`;
  const toDrawer = { target: drawerId, swap: 'innerHTML' } as const;
  const settings = address('settings');
  const leave = model.isExternal ? 'Disconnect' : 'Remove from the list';
  const remove = `Delete, ${bytesText(model.sizeBytes)}`;
  return (
    <div class="mine__buttons">
      <MainAction model={model} />
      <Menu label={`More for ${name}`}>
        {model.isExternal ? (
          ''
        ) : (
          <a class="button" href={address('load')} {...loadsFrom(address('load'), toDrawer)}>
            Load with…
          </a>
        )}
        <a class="button" href={settings} {...loadsFrom(settings, toDrawer)}>
          Settings
        </a>
        <ActionButton
          action="/monitor/pinning"
          fields={{ model: id, pinned: model.isPinned ? 'no' : 'yes' }}
          label={model.isPinned ? 'Unpin' : 'Pin'}
          description={model.isPinned ? `Unpin ${name}: let it unload when idle` : `Pin ${name}: never unload it`}
        />
        <ActionButton
          action="/models/removing"
          fields={{ model: id, files: 'keep' }}
          label={leave}
          description={`${leave}: ${name}; nothing is deleted`}
        />
        {model.isManaged && !model.isExternal ? (
          <ActionButton
            action="/models/removing"
            fields={{ model: id, files: 'delete' }}
            label={remove}
            description={`${remove}: ${name} and its files`}
            variant="danger"
          />
        ) : (
          ''
        )}
      </Menu>
    </div>
  );
}

function MainAction({ model: { id, name, doing } }: { model: ModelRowData }): JSX.Element {
  const fields = { model: id };
  switch (doing.phase) {
    case 'ready':
    case 'starting': {
      const isUp = doing.phase === 'ready';
      return (
        <ActionButton
          action="/monitor/unloading"
          fields={fields}
          label={isUp ? 'Unload' : 'Stop'}
          description={isUp ? `Unload ${name}` : `Stop loading ${name}`}
        />
      );
    }
    case 'failed':
      return (
        <ActionButton
          action="/monitor/loading"
          fields={fields}
          label="Try again"
          description={`Try again to load ${name}`}
          variant="primary"
        />
      );
    case 'idle':
      return (
        <ActionButton
          action="/monitor/loading"
          fields={fields}
          label="Load"
          description={`Load ${name}`}
          variant="primary"
        />
      );
    default:
      return '';
  }
}
