/** @jsxImportSource @kitajs/html */
/** Loading a model with settings of one's own: the form, what such a load would be like, and the load. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { stringOrNull } from '#src/json.ts';
import type { Footprint, LaunchOverrides, LaunchSettings, Model } from '#src/models/model.ts';
import type { Registry } from '#src/models/registry.ts';
import type { LoadOutlook, LoadOutlooks } from '#src/scheduling/load-outlook.ts';
import type { SettingOrigin, Settings } from '#src/settings/settings.ts';
import type { Shell } from '#src/web/shell.tsx';
import { LoadDrawer, LoadForm, type LoadFormData } from '#views/models/load-drawer.tsx';
import { Outlook, type OutlookData, OutlookTrouble } from '#views/models/outlook.tsx';
import { Trial, trialPlaceId } from '#views/models/trial.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { type FormFields, launchGroups, readLaunchForm } from './launch-fields.ts';
import type { ModelsPagesParts } from './pages.tsx';
import { answered, DrawerClosed, isFragment, NoticePartial } from './told.tsx';

export type LoadPagesParts = Pick<ModelsPagesParts, 'shell' | 'lender' | 'needModel' | 'mine'> & {
  readonly registry: Pick<Registry, 'updateConfig'>;
  readonly outlooks: Pick<LoadOutlooks, 'of'>;
  /** All settings of a load without further wishes. */
  readonly launchOf: (model: Model) => LaunchSettings;
  /** What the formula says of a load with these settings; may throw a Fault. */
  readonly formulaOf: (model: Model, launch: LaunchSettings) => Footprint;
  /** Where a general setting comes from. */
  readonly originOf: (name: keyof Settings) => SettingOrigin;
  /** Throws Fault('invalid-request') for launch settings that an engine would be refused. */
  readonly checkLaunch: (launch: LaunchOverrides, model: Model) => void;
};

const MODEL_ID = Type.String({ minLength: 1, maxLength: 200 });
const ModelQuery = Type.Object({ model: MODEL_ID });
const LaunchForm = Type.Object({ model: MODEL_ID }, { additionalProperties: true });

/** The form and what it does. */
export const loadPages = (parts: LoadPagesParts) => {
  const { shell, needModel } = parts;
  return new Elysia({ name: 'load-pages' })
    .get(
      '/models/load',
      ({ request, query }) => {
        const drawer = <LoadDrawer form={formOf(parts, loadable(needModel(query.model)), {}, null)} />;
        return shownBeside(shell, request, drawer);
      },
      { ...access('page'), query: ModelQuery },
    )
    .post('/models/outlook', async ({ body }) => shell.fragment(await outlookOf(parts, needModel(body.model), body)), {
      ...access('page'),
      body: LaunchForm,
    })
    .post('/models/starting', ({ request, body }) => started(parts, request, loadable(needModel(body.model)), body), {
      ...access('page'),
      body: LaunchForm,
    });
};

/** What belongs into the drawer: alone for htmx, as a page where there are no scripts. */
export function shownBeside(shell: Shell, request: Request, drawer: JSX.Element): Response {
  if (isFragment(request)) return shell.fragment(drawer);
  return shell.page(request, {
    title: 'Models',
    current: 'models',
    styles: ['model-drawers'],
    scripts: ['models'],
    body: drawer,
  });
}

function loadable(model: Model): Model {
  if (model.endpoint === null) return model;
  throw new Fault('conflict', `${model.name} is served by an engine that Flow did not start, so there is no load.`);
}

function formOf(
  { mine, launchOf, originOf }: LoadPagesParts,
  model: Model,
  wished: LaunchOverrides,
  wrong: { readonly field: string; readonly message: string } | null,
): LoadFormData {
  const { state, inFlight, waiting } = mine.known(model).fleetModel;
  const { phase } = state;
  const groups = launchGroups({ model, effective: launchOf(model), wished, wrong, originOf });
  const hasPlace = groups.some(({ fields }) => fields.some(({ error }) => error !== null));
  return {
    id: model.id,
    name: model.name,
    groups,
    isUp: phase === 'ready' || phase === 'starting',
    isBusy: inFlight + waiting > 0,
    trouble: wrong === null || hasPlace ? null : wrong.message,
  };
}

/** Troubles are what the preview is for, so they stand in its place and not among the notices. */
async function outlookOf(parts: LoadPagesParts, model: Model, form: FormFields): Promise<JSX.Element> {
  try {
    const overrides = readLaunchForm(form, model, parts.launchOf(model));
    parts.checkLaunch(overrides, model);
    const outlook = await parts.outlooks.of(model, overrides);
    return <Outlook outlook={outlookData(outlook, cachesOf(parts, outlook))} />;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return <OutlookTrouble message={cause.message} hint={cause.hint} />;
  }
}

/** Loads by the form. What is in the way is told in it, beside its field if it has one, and what was typed stays. */
function started(parts: LoadPagesParts, request: Request, model: Model, form: FormFields): Response {
  const { shell, launchOf, checkLaunch } = parts;
  let wished: LaunchOverrides = {};
  try {
    wished = readLaunchForm(form, model, launchOf(model));
    checkLaunch(wished, model);
    startWith(parts, model, wished, form);
  } catch (cause) {
    if (!(cause instanceof Fault) || !isFragment(request)) throw cause;
    const message = [cause.message, cause.hint].filter((part) => part !== null).join(' ');
    const wrong = { field: stringOrNull(cause.details.field) ?? '', message };
    return shell.fragment(<LoadForm form={formOf(parts, model, wished, wrong)} />, { status: 422 });
  }
  if (form.how === 'try' && isFragment(request)) {
    return shell.fragment(
      <Partial target={trialPlaceId} swap="innerHTML">
        <Trial trial={parts.mine.trial(model)} />
      </Partial>,
    );
  }
  const notice = <NoticePartial tone="info" message={`${model.name} is being loaded.`} />;
  return answered(
    shell,
    request,
    <>
      <DrawerClosed />
      {notice}
    </>,
    '/models',
  );
}

/** What runs is stopped first; the fleet starts it again when it is gone. */
function startWith(
  { lender, registry, mine }: LoadPagesParts,
  model: Model,
  wished: LaunchOverrides,
  form: FormFields,
) {
  const { phase } = mine.known(model).fleetModel.state;
  if (phase === 'ready' || phase === 'starting') {
    lender.unload(model.id, { force: form.force === 'yes', reason: 'user' });
  }
  const isRemembered = form.how === 'remember' && Object.keys(wished).length > 0;
  if (isRemembered) registry.updateConfig(model.id, { launch: wished });
  lender.load(model.id, isRemembered ? {} : wished);
}

/** What the context would take in other number formats. Only llama.cpp has them. */
function cachesOf({ formulaOf }: LoadPagesParts, { model, launch }: LoadOutlook): OutlookData['caches'] {
  if (model.format !== 'gguf') return [];
  return CACHE_TYPES.map((type) => {
    const { parts } = formulaOf(model, { ...launch, cache_type_k: type, cache_type_v: type });
    const isNow = launch.cache_type_k === type && launch.cache_type_v === type;
    return { type, bytes: parts.kvCacheBytes, isNow };
  });
}

/** Those that people choose between: as computed, half, a quarter. */
const CACHE_TYPES = ['f16', 'q8_0', 'q4_0'] as const;

function outlookData(outlook: LoadOutlook, caches: OutlookData['caches']): OutlookData {
  const { need, launch, speed, command, budgetBytes, freeBytes } = outlook;
  return {
    verdict: outlook.verdict,
    source: need.source,
    needBytes: need.totalBytes,
    parts: [
      { label: 'weights', bytes: need.parts.weightsBytes },
      { label: 'cache', bytes: need.parts.kvCacheBytes },
      { label: 'compute', bytes: need.parts.computeBytes },
      { label: 'prompt cache', bytes: need.parts.engineCacheBytes },
    ],
    othersBytes: Math.max(0, budgetBytes - freeBytes),
    budgetBytes,
    freeBytes,
    sentence: outlook.sentence,
    caches,
    slots: launch.n_parallel,
    contextTokens: launch.ctx_size,
    largestContextTokens: outlook.largestContextTokens,
    trainedContextTokens: outlook.trainedContextTokens,
    tokensPerS: speed?.tokensPerS ?? null,
    command: command === null ? null : command.map(typed).join(' '),
    warnings: outlook.warnings,
  };
}

/** A word as one would type it in a shell. */
function typed(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
