/** @jsxImportSource @kitajs/html */
/** The dashboard's door where Flow asks for a key: it is typed once and becomes a cookie. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { LoginPage } from '#views/login-page.tsx';
import { CLOSING_COOKIE, type Credentials, type Opening } from './credentials.ts';
import type { Shell } from './shell.tsx';
import { arrivalOf } from './small-body.ts';

const LoginForm = Type.Object({ key: Type.String({ maxLength: 1024 }), next: Type.String({ maxLength: 2048 }) });
const LoginQuery = Type.Object({ next: Type.Optional(Type.String({ maxLength: 2048 })) });

/** `/login` and `/logout`. */
export const loginPages = ({ credentials, shell }: { credentials: Credentials; shell: Shell }) => {
  const page = (request: Request, next: string, trouble: string | null, status: number): Response => {
    const body = <LoginPage next={ownPath(next)} trouble={trouble} />;
    return shell.page(request, { title: 'Sign in', current: null, styles: ['simple'], body }, { status });
  };
  return new Elysia({ name: 'login-pages' })
    .get('/login', ({ request, query }) => page(request, query.next ?? '/', null, 200), {
      ...access('public'),
      query: LoginQuery,
    })
    .post(
      '/login',
      ({ request, body: { key, next }, server }) => {
        const opening = credentials.open(key.trim(), server?.requestIP(arrivalOf(request))?.address ?? '');
        if (opening.kind === 'opened') return movedTo(ownPath(next), opening.cookie);
        const { words, status } = troubleOf(opening);
        return page(request, next, words, status);
      },
      { ...access('public'), body: LoginForm },
    )
    .post('/logout', () => movedTo('/login', CLOSING_COOKIE), access('public'));
};

function movedTo(location: string, cookie: string): Response {
  return new Response(null, { status: 303, headers: { location, 'set-cookie': cookie } });
}

function troubleOf(opening: Exclude<Opening, { kind: 'opened' }>): { readonly words: string; readonly status: number } {
  if (opening.kind === 'unfit') {
    return { words: 'That key may ask models, but not see the dashboard: it needs the scope read.', status: 403 };
  }
  switch (opening.verdict) {
    case 'throttled':
      return { words: 'Too many wrong keys; wait a minute.', status: 429 };
    case 'expired':
      return { words: 'That key has expired.', status: 401 };
    case 'wrong':
      return { words: 'That is not an API key of this Flow.', status: 401 };
  }
}

/** Only a path of ours; anything that a browser might read as another host becomes the first page. */
function ownPath(next: string): string {
  return /^\/(?![/\\])[\w\-./%?=&]*$/.test(next) ? next : '/';
}
