/** @jsxImportSource @kitajs/html */
/** `/requests/<id>`: one request, as a drawer over any page or as a page of its own. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { ModelId } from '#src/models/model.ts';
import type { RequestAccount } from '#src/requests/account.ts';
import type { RequestAccounts } from '#src/requests/accounts.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { Shell } from '#src/web/shell.tsx';
import { Drawer } from '#views/parts/drawer.tsx';
import { PageHead } from '#views/parts/page-head.tsx';
import { requestPath } from '#views/requests/addresses.ts';
import { LostStory, Story, type StoryData } from '#views/requests/story.tsx';
import { type ChosenPreset, storyOf } from './story.ts';

export type RequestPagesParts = {
  readonly accounts: Pick<RequestAccounts, 'find' | 'mended' | 'moment'>;
  readonly tracker: Pick<Tracker, 'cancel'>;
  /** Where a request was asked, when that was Flow's own chat; null otherwise. */
  readonly chatOf: (account: RequestAccount) => StoryData['chat'];
  /** The preset that a model was set up by; null = none. */
  readonly presetOf: (modelId: ModelId) => ChosenPreset | null;
  readonly shell: Shell;
  readonly wallMs: () => number;
};

/** Styles that a page needs over which a request may be opened. */
export const STORY_STYLES = ['story'] as const;

const RequestParams = t.Object({ id: t.String({ minLength: 1, maxLength: 40 }) });
const NOT_KNOWN = 'There is no such request, or its record was deleted when its time was over.';

export const requestPages = (parts: RequestPagesParts) =>
  new Elysia({ name: 'request-pages' })
    .get(
      '/requests/:id',
      async ({ request, params }) => {
        const { accounts, shell } = parts;
        const account = accounts.find(params.id);
        if (account === null) throw new Fault('not-found', NOT_KNOWN);
        const story = await toldOf(parts, account, request);
        if (request.headers.has('hx-request')) return shell.fragment(<InDrawer story={story} />);
        const body = <AsPage story={story} />;
        return shell.page(request, {
          title: story.title,
          current: 'telemetry',
          // Nothing but what stands on every page: the story renews itself while its request runs.
          topic: 'request',
          styles: STORY_STYLES,
          body,
        });
      },
      { ...access('page'), params: RequestParams },
    )
    .get(
      '/requests/:id/story',
      async ({ request, params }) => {
        const account = parts.accounts.find(params.id);
        if (account === null) return parts.shell.fragment(<LostStory requestId={params.id} />);
        return parts.shell.fragment(<Story story={await toldOf(parts, account, request)} />);
      },
      { ...access('page'), params: RequestParams },
    )
    .post(
      '/requests/:id/cancelling',
      ({ request, params }) => {
        if (!parts.tracker.cancel(params.id)) throw new Fault('not-found', 'That request has already ended.');
        if (request.headers.has('hx-request')) return new Response(null, { status: 204 });
        return parts.shell.fragment('', { status: 303, headers: { location: requestPath(params.id) } });
      },
      { ...access('page'), params: RequestParams },
    );

function InDrawer({ story }: { story: StoryData }): JSX.Element {
  return (
    <Drawer title={story.title}>
      <p class="story__own">
        <a href={requestPath(story.requestId)}>On a page of its own</a>
      </p>
      <Story story={story} />
    </Drawer>
  );
}

function AsPage({ story }: { story: StoryData }): JSX.Element {
  return (
    <div class="story-page">
      <PageHead title={story.title}>
        <a class="button" href="/telemetry">
          All requests
        </a>
      </PageHead>
      <h2 class="hidden">From its arrival to its end</h2>
      <Story story={story} />
    </div>
  );
}

async function toldOf(parts: RequestPagesParts, account: RequestAccount, request: Request): Promise<StoryData> {
  const { accounts, chatOf, presetOf, wallMs } = parts;
  return storyOf({
    account,
    mended: accounts.mended(account.requestId),
    moment: await accounts.moment(account),
    chat: chatOf(account),
    preset: account.modelId === null ? null : presetOf(account.modelId),
    nowMs: wallMs(),
    origin: new URL(request.url).origin,
  });
}
