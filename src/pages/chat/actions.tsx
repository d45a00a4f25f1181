/** @jsxImportSource @kitajs/html */
/** What can be done in the chat. Each action answers at once; `/live` shows what comes of it. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { ChatSettings } from '#src/chat/turn.ts';
import { Fault } from '#src/faults.ts';
import type { Shell } from '#src/web/shell.tsx';
import { chatModelId, chatPath } from '#views/chat/addresses.ts';
import { ModelState } from '#views/chat/settings.tsx';
import { ActionButton } from '#views/parts/button.tsx';
import { drawerId } from '#views/parts/drawer.tsx';
import { Notice, noticeId } from '#views/parts/notice.tsx';
import { Partial } from '#views/parts/partial.tsx';
import type { ChatView } from './chat-view.tsx';

export type ChatActionsParts = { readonly view: ChatView; readonly shell: Shell };

const QUESTION_BYTES_MAX = 32 << 20;
const IMAGES_MAX = 8;
/** What models understand; an SVG is a document that may hold anything. */
const IMAGE_PATTERN = '^data:image/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+=*$';

const Image = Type.String({ pattern: IMAGE_PATTERN, maxLength: 12_000_000 });
const QuestionForm = Type.Object({
  text: Type.String({ maxLength: 1_000_000 }),
  image: Type.Optional(Type.Union([Image, Type.Array(Image, { maxItems: IMAGES_MAX })])),
});
const TurnForm = Type.Object({ turn: Type.String({ minLength: 1, maxLength: 40 }) });
const WordsForm = Type.Object({ ...TurnForm.properties, text: Type.String({ maxLength: 1_000_000 }) });
const NameForm = Type.Object({ title: Type.String({ maxLength: 1_000 }) });
const PinForm = Type.Object({ pinned: Type.Union([Type.Literal('true'), Type.Literal('false')]) });
const OptionalNumber = Type.String({ maxLength: 20 });
const SettingsForm = Type.Object({
  model: Type.String({ maxLength: 200 }),
  rival: Type.String({ maxLength: 200 }),
  system: Type.String({ maxLength: 100_000 }),
  temperature: OptionalNumber,
  top_p: OptionalNumber,
  max_tokens: OptionalNumber,
  thinking: Type.Union([Type.Literal('auto'), Type.Literal('on'), Type.Literal('off')]),
  tools: Type.Union([Type.String(), Type.Array(Type.String())]),
});

/** POST routes below `/chat`. */
export const chatActions = ({ view, shell }: ChatActionsParts) => {
  const { conversations, answers } = view.sources;
  const done = (request: Request, id: string | null) => doneFor(shell, request, chatPath(id));
  const question = { ...access('page', QUESTION_BYTES_MAX), body: QuestionForm };
  return new Elysia({ name: 'chat-actions' })
    .post(
      '/chat/questions',
      ({ request, body }) => {
        const asked = questionOf(body);
        if (asked.text.trim() === '' && asked.images.length === 0)
          throw new Fault('invalid-request', 'The question is empty.');
        const { id } = conversations.create(conversations.defaults, asked.text);
        answers.ask(id, asked);
        return goTo(shell, request, chatPath(id));
      },
      question,
    )
    .post('/chat/settings', ({ request, body }) => configure(view, shell, request, null, body), {
      ...access('page'),
      body: SettingsForm,
    })
    .post(
      '/chat/:id/questions',
      ({ request, params, body }) => {
        answers.ask(params.id, questionOf(body));
        return done(request, params.id);
      },
      question,
    )
    .post('/chat/:id/settings', ({ request, params, body }) => configure(view, shell, request, params.id, body), {
      ...access('page'),
      body: SettingsForm,
    })
    .post(
      '/chat/:id/stops',
      async ({ request, params }) => {
        await answers.stop(params.id);
        return done(request, params.id);
      },
      access('page'),
    )
    .use(versions({ view, shell }))
    .use(removals({ view, shell }));
};

/** Other versions of answers and questions. */
const versions = ({ view, shell }: ChatActionsParts) => {
  const { answers } = view.sources;
  const done = (request: Request, id: string) => doneFor(shell, request, chatPath(id));
  const turnAction = { ...access('page'), body: TurnForm };
  const wordsAction = { ...access('page'), body: WordsForm };
  return new Elysia({ name: 'chat-versions' })
    .post(
      '/chat/:id/answers',
      ({ request, params, body }) => {
        answers.again(params.id, body.turn);
        return done(request, params.id);
      },
      turnAction,
    )
    .post(
      '/chat/:id/continuing',
      ({ request, params, body }) => {
        answers.goOn(params.id, body.turn);
        return done(request, params.id);
      },
      turnAction,
    )
    .post(
      '/chat/:id/versions',
      ({ request, params, body }) => {
        answers.choose(params.id, body.turn);
        return done(request, params.id);
      },
      turnAction,
    )
    .post(
      '/chat/:id/wordings',
      ({ request, params, body }) => {
        answers.edit(params.id, body.turn, body.text);
        return isFragment(request) ? shell.fragment(closedDrawer()) : done(request, params.id);
      },
      wordsAction,
    )
    .post(
      '/chat/:id/results',
      ({ request, params, body }) => {
        answers.tellResult(params.id, body.turn, body.text);
        return done(request, params.id);
      },
      wordsAction,
    );
};

/** Names, pins, deleting and bringing back. */
const removals = ({ view, shell }: ChatActionsParts) => {
  const { conversations, answers } = view.sources;
  const turnAction = { ...access('page'), body: TurnForm };
  return new Elysia({ name: 'chat-removals' })
    .post(
      '/chat/:id/name',
      ({ request, params, body }) => {
        conversations.rename(params.id, body.title);
        return isFragment(request) ? shell.fragment(closedDrawer()) : doneFor(shell, request, chatPath(params.id));
      },
      { ...access('page'), body: NameForm },
    )
    .post(
      '/chat/:id/pin',
      ({ request, params, body }) => {
        conversations.pin(params.id, body.pinned === 'true');
        return goTo(shell, request, chatPath(params.id));
      },
      { ...access('page'), body: PinForm },
    )
    .post(
      '/chat/:id/removal',
      async ({ request, params }) => {
        await answers.stop(params.id);
        conversations.remove(params.id);
        return goTo(shell, request, `/chat?deleted=${encodeURIComponent(params.id)}`);
      },
      access('page'),
    )
    .post(
      '/chat/:id/restoration',
      ({ request, params }) => {
        conversations.restore(params.id);
        return goTo(shell, request, chatPath(params.id));
      },
      access('page'),
    )
    .post(
      '/chat/:id/removals',
      async ({ request, params, body }) => {
        await answers.stop(params.id);
        conversations.removeTurn(params.id, body.turn);
        if (!isFragment(request)) return doneFor(shell, request, chatPath(params.id));
        return shell.fragment(removedTurn(params.id, body.turn));
      },
      turnAction,
    )
    .post(
      '/chat/:id/restorations',
      ({ request, params, body }) => {
        conversations.restoreTurn(params.id, body.turn);
        return doneFor(shell, request, chatPath(params.id));
      },
      turnAction,
    );
};

function configure(
  view: ChatView,
  shell: Shell,
  request: Request,
  id: string | null,
  form: typeof SettingsForm.static,
): Response {
  const { conversations } = view.sources;
  const settings: ChatSettings = {
    model: form.model,
    rival: form.rival === form.model ? '' : form.rival,
    system: form.system,
    temperature: numberIn('temperature', form.temperature, 0, 5),
    top_p: numberIn('top_p', form.top_p, 0, 1),
    max_tokens: wholeIn('max_tokens', form.max_tokens),
    thinking: form.thinking,
    tools: [form.tools].flat().includes('on'),
  };
  if (id === null) conversations.defaults = settings;
  else conversations.configure(id, settings);
  if (!isFragment(request)) return doneFor(shell, request, chatPath(id));
  return shell.fragment(
    <Partial target={chatModelId} swap="outerMorph">
      <ModelState text={view.modelState(settings)} />
    </Partial>,
  );
}

function numberIn(name: string, text: string, low: number, high: number): number | null {
  if (text.trim() === '') return null;
  const value = Number(text);
  if (value >= low && value <= high) return value;
  throw new Fault('unprocessable', `${name} is ${text}; a number from ${low} to ${high} is expected.`);
}

function wholeIn(name: string, text: string): number | null {
  const value = numberIn(name, text, 1, 1_048_576);
  if (value === null || Number.isInteger(value)) return value;
  throw new Fault('unprocessable', `${name} is ${text}; a whole number is expected.`);
}

function questionOf({ text, image }: typeof QuestionForm.static) {
  return { text, images: image === undefined ? [] : [image].flat() };
}

/** Deleting is taken back rather than confirmed. */
function removedTurn(conversationId: string, turnId: string): JSX.Element {
  return (
    <Partial target={noticeId} swap="beforeend">
      <Notice tone="info" message="Deleted, with what followed it." hint={null}>
        <ActionButton
          action={`${chatPath(conversationId)}/restorations`}
          fields={{ turn: turnId }}
          label="Undo"
          description="Undo: bring back what was deleted"
        />
      </Notice>
    </Partial>
  );
}

function closedDrawer(): JSX.Element {
  return (
    <Partial target={drawerId} swap="innerHTML">
      {''}
    </Partial>
  );
}

function isFragment(request: Request): boolean {
  return request.headers.has('hx-request');
}

/** With scripts, `/live` shows the rest; without, the page is shown again. */
function doneFor(shell: Shell, request: Request, path: string): Response {
  if (isFragment(request)) return new Response(null, { status: 204 });
  return shell.fragment('', { status: 303, headers: { location: path } });
}

/** Another page, with scripts and without. */
function goTo(shell: Shell, request: Request, path: string): Response {
  if (isFragment(request)) return shell.fragment('', { headers: { 'hx-redirect': path } });
  return shell.fragment('', { status: 303, headers: { location: path } });
}
