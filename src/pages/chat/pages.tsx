/** @jsxImportSource @kitajs/html */
/** The chat's pages, and what opens beside them. Nothing here changes anything. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { asJson, asMarkdown, fileName } from '#src/chat/export.ts';
import { requestBody } from '#src/chat/request-body.ts';
import { pathTo } from '#src/chat/tree.ts';
import type { Turn } from '#src/chat/turn.ts';
import { Fault } from '#src/faults.ts';
import { indentedJson } from '#src/json.ts';
import type { Page, Shell } from '#src/web/shell.tsx';
import { Lines } from '#views/chat/conversation-list.tsx';
import { NameDrawer, RawDrawer, WordingDrawer } from '#views/chat/drawers.tsx';
import { ChatPage } from '#views/chat/page.tsx';
import { type ChatView, NEW_NAME } from './chat-view.tsx';
import { CHAT_FAMILY } from './keep-chat-live.ts';

export type ChatPagesParts = { readonly view: ChatView; readonly shell: Shell };

const Query = Type.String({ maxLength: 200, default: '' });
const PageQuery = Type.Object({ q: Type.Optional(Query), deleted: Type.Optional(Type.String({ maxLength: 40 })) });
const SearchQuery = Type.Object({ q: Type.Optional(Query) });
const IMAGE_URL = /^data:(image\/(?:png|jpeg|webp|gif));base64,([A-Za-z0-9+/]+=*)$/;

/** `/chat`, `/chat/{id}` and their parts. */
export const chatPages = ({ view, shell }: ChatPagesParts) => {
  const { conversations, highlighter } = view.sources;
  const page = async (request: Request, shown: Shown) => {
    await highlighter.ready();
    return shell.page(request, chatPage(view, shown));
  };
  return new Elysia({ name: 'chat-pages' })
    .get(
      '/chat',
      ({ request, query }) => page(request, { id: null, query: query.q ?? '', deletedId: query.deleted ?? null }),
      {
        ...access('page'),
        query: PageQuery,
      },
    )
    .get('/chat/search', ({ query }) => shell.fragment(query.q?.trim() ? <Lines list={view.found(query.q)} /> : ''), {
      ...access('page'),
      query: SearchQuery,
    })
    .get(
      '/chat/:id',
      ({ request, params }) => page(request, { id: params.id, query: '', deletedId: null }),
      access('page'),
    )
    .get(
      '/chat/:id/name',
      ({ params }) =>
        shell.fragment(<NameDrawer conversationId={params.id} title={conversations.need(params.id).title} />),
      access('page'),
    )
    .get('/chat/:id/export/:format', ({ params }) => exported(view, params.id, params.format), access('page'))
    .get(
      '/chat/:id/turns/:turn/wording',
      ({ params }) => {
        const turn = conversations.needTurn(params.id, params.turn);
        return shell.fragment(<WordingDrawer conversationId={params.id} turnId={turn.id} text={turn.content} />);
      },
      access('page'),
    )
    .get(
      '/chat/:id/turns/:turn/raw',
      ({ request, params }) =>
        shell.fragment(<RawDrawer raw={rawOf(view, needed(view, params), new URL(request.url).origin)} />),
      access('page'),
    )
    .get('/chat/:id/turns/:turn/text', ({ params }) => new Response(needed(view, params).content), access('page'))
    .get(
      '/chat/:id/turns/:turn/images/:index',
      ({ params }) => imageOf(needed(view, params), params.index),
      access('page'),
    );
};

/** Which conversation a page shows, null = a new one; what its list is searched for; what was deleted just now. */
type Shown = { readonly id: string | null; readonly query: string; readonly deletedId: string | null };

function chatPage(view: ChatView, { id, query, deletedId }: Shown): Page {
  const { conversations, answers } = view.sources;
  const conversation = id === null ? null : conversations.need(id);
  const title = conversation?.title ?? 'New conversation';
  const composer = {
    conversationId: id,
    isAnswering: id !== null && answers.isAnswering(id),
    seesImages: view.seesImages(view.settingsOf(id)),
    context: view.context(id),
  };
  return {
    title,
    current: 'chat',
    topic: `${CHAT_FAMILY}:${id ?? NEW_NAME}`,
    styles: ['chat', 'prose', 'story'],
    scripts: ['chat', 'chat-reading', 'chat-images'],
    body: (
      <ChatPage
        list={query === '' ? view.list(id) : view.found(query)}
        query={query}
        title={title}
        isPinned={conversation?.isPinned ?? false}
        settings={view.settings(id)}
        places={id === null ? [] : view.places(id)}
        composer={composer}
        hasModels={view.hasModels}
        deletedId={deletedId}
      />
    ),
  };
}

/** A turn as far as it has come. */
function needed({ sources }: ChatView, { id, turn }: { readonly id: string; readonly turn: string }): Turn {
  return sources.answers.live(turn) ?? sources.conversations.needTurn(id, turn);
}

function exported({ sources }: ChatView, id: string, format: string): Response {
  const conversation = sources.conversations.need(id);
  const turns = sources.answers.turns(id);
  if (format !== 'md' && format !== 'json') throw new Fault('not-found', 'A conversation is exported as md or json.');
  const text = format === 'md' ? asMarkdown(conversation, turns) : asJson(conversation, turns);
  return new Response(text, {
    headers: {
      'content-type': format === 'md' ? 'text/markdown; charset=utf-8' : 'application/json',
      'content-disposition': `attachment; filename="${fileName(conversation.title, format)}"`,
      'cache-control': 'no-store',
    },
  });
}

function rawOf(view: ChatView, turn: Turn, origin: string) {
  const { conversations, answers } = view.sources;
  const held = answers.raw.find(turn.id);
  const branch = pathTo(conversations.turns(turn.conversationId), turn.parentId);
  const { settings } = conversations.need(turn.conversationId);
  // One of an earlier run is made again, as it would be now.
  const sent = held?.request ?? JSON.stringify(requestBody(branch, settings, turn.modelId ?? ''));
  const body = sent.replaceAll(/(data:image\/[a-z]+;base64,)[A-Za-z0-9+/=]{80,}/g, '$1…');
  const quoted = body.replaceAll("'", "'\\''");
  return {
    request: indentedJson(body),
    response: held?.response ?? null,
    isCut: held?.isCut ?? false,
    curl: `curl ${origin}/v1/chat/completions -H 'Content-Type: application/json' -d '${quoted}'`,
  };
}

function imageOf({ images }: Turn, index: string): Response {
  const [, type = '', base64 = ''] = IMAGE_URL.exec(images[Number(index)] ?? '') ?? [];
  if (type === '') throw new Fault('not-found', 'There is no such image.');
  const headers = { 'content-type': type, 'cache-control': 'private, max-age=86400, immutable' };
  return new Response(Buffer.from(base64, 'base64'), { headers });
}
