/** What an import would do, or has done, as the rows of one table. Pure. */
import type { ImportReport } from '#src/imports/perform.ts';
import type { ConfigurationRowData } from '#views/library/configurations.tsx';

type ImportedModel = ImportReport['models'][number];

/** Models first, then presets and settings, then what is left behind and why. */
export function configurationRows(report: ImportReport): readonly ConfigurationRowData[] {
  const { models, presets, settings, notTaken } = report;
  return [
    ...models.map(
      (model): ConfigurationRowData => ({
        kind: 'model',
        value: model.path,
        name: model.id,
        outcome: model.outcome,
        details: detailsOf(model),
      }),
    ),
    ...presets.map(
      ({ name, outcome }): ConfigurationRowData => ({ kind: 'preset', value: name, name, outcome, details: [] }),
    ),
    ...Object.entries(settings).map(
      ([name, value]): ConfigurationRowData => ({
        kind: 'setting',
        value: name,
        name,
        outcome: 'changed',
        details: [JSON.stringify(value)],
      }),
    ),
    ...notTaken.map(
      ({ what, why }): ConfigurationRowData => ({
        kind: 'left',
        value: '',
        name: what,
        outcome: 'left',
        details: [why],
      }),
    ),
  ];
}

function detailsOf({ path, aliases, patch }: ImportedModel): readonly string[] {
  const names = [...aliases, ...patch.variants.map(({ name }) => name)];
  const launch = Object.entries(patch.launch).map(([name, value]) =>
    Array.isArray(value) ? value.join(' ') : `${name} ${String(value)}`,
  );
  const behaviour = Object.keys(patch.behaviour);
  const stays = patch.cooldownS === null ? [] : [`Unloads when idle for ${patch.cooldownS} s.`];
  return [
    path,
    ...(names.length === 0 ? [] : [`Also called ${names.join(', ')}.`]),
    ...(launch.length === 0 ? [] : [`Started with ${launch.join(', ')}.`]),
    ...(behaviour.length === 0 ? [] : [`With ${behaviour.join(', ')}.`]),
    ...stays,
    ...(patch.isPinned ? ['Pinned.'] : []),
  ];
}
