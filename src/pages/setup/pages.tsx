/** @jsxImportSource @kitajs/html */
/** `/setup` and what is done on it; `/live` shows what comes of that. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { type DiscoveryRoutesParts, registered } from '#src/discovery/routes.ts';
import type { Downloads } from '#src/downloads/downloads.ts';
import { Fault } from '#src/faults.ts';
import { checkRepositoryId } from '#src/hub/names.ts';
import { answered, NoticePartial } from '#src/pages/models/told.tsx';
import type { Shell } from '#src/web/shell.tsx';
import { FirstSteps, firstStepsId } from '#views/monitor/first-steps.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { pluralText } from '#views/parts/quantity.tsx';
import { SetUpPage } from '#views/setup/page.tsx';
import type { FirstRun } from './first-run.ts';
import type { SetUp, SetUpSources } from './set-up.tsx';

export type SetUpPagesParts = DiscoveryRoutesParts & {
  readonly shell: Shell;
  readonly setUp: Pick<SetUp, 'data'>;
  readonly firstRun: Pick<FirstRun, 'chooseDemo' | 'skip' | 'isFresh'>;
  readonly picks: SetUpSources['picks'];
  readonly local: SetUpSources['local'];
  /** Finds out what is not known yet, as far as that is done soon. */
  readonly prepare: () => Promise<void>;
  /** Begins to install llama.cpp. Throws Fault('conflict') during another installation. */
  readonly install: () => void;
  readonly cancelInstall: () => void;
  readonly downloads: Pick<Downloads, 'order'>;
  /** Loads the demo, if there is something to load it with. */
  readonly loadDemo: () => void;
};

/** What the page's live connection tells of. */
export const SETUP_TOPIC = 'setup';

const HERE = '/setup';
/** What a hub takes to list a repository; a caller that waits longer has gone. */
const LISTING_MS = 60_000;
const DownloadForm = Type.Object({
  repo: Type.String({ minLength: 1, maxLength: 200 }),
  file: Type.String({ minLength: 1, maxLength: 1_000 }),
  mmproj: Type.Optional(Type.Literal('yes')),
});
const SkipForm = Type.Object({ skipped: Type.Union([Type.Literal('yes'), Type.Literal('no')]) });

/** The page and its actions. */
export const setUpPages = (parts: SetUpPagesParts) =>
  new Elysia({ name: 'set-up-pages' })
    .use(enginePages(parts))
    .use(modelPages(parts))
    .get(
      HERE,
      async ({ request }) => {
        await parts.prepare();
        const body = <SetUpPage setUp={parts.setUp.data()} />;
        const styles = ['library', 'setup'];
        return parts.shell.page(request, { title: 'Set-up', current: 'monitor', topic: SETUP_TOPIC, styles, body });
      },
      access('page'),
    )
    .post(
      `${HERE}/skipping`,
      ({ request, body }) => {
        parts.firstRun.skip(body.skipped === 'yes');
        return answered(parts.shell, request, skipped(parts, request), '/');
      },
      { ...access('page'), body: SkipForm },
    );

function enginePages({ shell, install, cancelInstall }: SetUpPagesParts) {
  return new Elysia({ name: 'set-up-engine' })
    .post(
      `${HERE}/engine/installing`,
      ({ request }) => {
        install();
        return answered(shell, request, '', HERE);
      },
      access('page'),
    )
    .post(
      `${HERE}/engine/cancelling`,
      ({ request }) => {
        cancelInstall();
        return answered(shell, request, '', HERE);
      },
      access('page'),
    );
}

function modelPages(parts: SetUpPagesParts) {
  const { shell, downloads, firstRun, loadDemo, picks } = parts;
  return new Elysia({ name: 'set-up-model' })
    .post(
      `${HERE}/model/downloading`,
      async ({ request, body: { repo, file, mmproj } }) => {
        const order = {
          repository: checkRepositoryId(repo),
          filename: file,
          ...{ quantization: null, revision: null, draft: null },
          withProjector: mmproj === 'yes',
        };
        await downloads.order(order, AbortSignal.any([request.signal, AbortSignal.timeout(LISTING_MS)]));
        return answered(shell, request, '', HERE);
      },
      { ...access('page'), body: DownloadForm },
    )
    .post(
      `${HERE}/model/looking`,
      ({ request }) => {
        picks.expire();
        picks.look();
        return answered(shell, request, '', HERE);
      },
      access('page'),
    )
    .post(
      `${HERE}/model/taking`,
      async ({ request }) => answered(shell, request, await taken(parts, request), HERE),
      access('page'),
    )
    .post(
      `${HERE}/model/demonstrating`,
      ({ request }) => {
        firstRun.chooseDemo();
        loadDemo();
        return answered(shell, request, '', HERE);
      },
      access('page'),
    );
}

/** Takes all that was found into the list. */
async function taken(parts: SetUpPagesParts, request: Request): Promise<JSX.Element> {
  const known = parts.local.look();
  if (known.phase !== 'known') throw new Fault('conflict', 'The folders are still being looked through.');
  const paths = known.answer.map(({ path }) => path);
  const { results } = await registered(parts, paths, request.signal);
  const refused = results.filter(({ status }) => status === 'refused');
  const message = `${pluralText(results.length - refused.length, 'model')} in your list.`;
  const hint = refused.map(({ path, message: why }) => `${path}: ${why ?? 'refused'}`).join(' ');
  return <NoticePartial tone={refused.length > 0 ? 'warning' : 'info'} message={message} hint={hint || null} />;
}

/** The way to here on the Monitor, gone or back, and a notice that says how to have it otherwise. */
function skipped({ firstRun, registry }: SetUpPagesParts, request: Request): JSX.Element {
  const { isFresh } = firstRun;
  const hasDemo = registry.list().some(({ isDemo }) => isDemo);
  const action = {
    action: `${HERE}/skipping`,
    fields: { skipped: 'no' },
    label: 'Undo',
    description: 'Show the way to the set-up on the Monitor again',
  };
  const hint = 'Find it again by Ctrl K, or in Settings under About.';
  return (
    <>
      <Partial target={firstStepsId} swap="outerMorph">
        <FirstSteps isShown={isFresh} hasDemo={hasDemo} origin={new URL(request.url).origin} />
      </Partial>
      {isFresh ? '' : <NoticePartial tone="info" message="The set-up is skipped." hint={hint} action={action} />}
    </>
  );
}
