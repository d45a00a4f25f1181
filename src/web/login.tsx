/** @jsxImportSource @kitajs/html */
/** The dashboard's door when Flow has an API key: the key is typed once and becomes a cookie. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { LoginPage } from '#views/login-page.tsx';
import type { Credentials } from './credentials.ts';
import type { Shell } from './shell.tsx';

const LoginForm = Type.Object({ key: Type.String({ maxLength: 1024 }), next: Type.String({ maxLength: 2048 }) });
const LoginQuery = Type.Object({ next: Type.Optional(Type.String({ maxLength: 2048 })) });

/** `/login`. */
export const loginPages = ({ credentials, shell }: { credentials: Credentials; shell: Shell }) =>
  new Elysia({ name: 'login-pages' })
    .get(
      '/login',
      ({ request, query }) => {
        const body = <LoginPage next={ownPath(query.next ?? '/')} trouble={null} />;
        return shell.page(request, { title: 'Sign in', current: null, styles: ['simple'], body });
      },
      { ...access('public'), query: LoginQuery },
    )
    .post(
      '/login',
      ({ request, body: { key, next }, server }) => {
        const address = server?.requestIP(request)?.address ?? '';
        const { cookie, verdict } = credentials.open(key, address);
        if (cookie !== null) {
          return new Response(null, { status: 303, headers: { location: ownPath(next), 'set-cookie': cookie } });
        }
        const isThrottled = verdict === 'throttled';
        const trouble = isThrottled ? 'Too many wrong keys; wait a minute.' : 'That is not the API key of this Flow.';
        const body = <LoginPage next={ownPath(next)} trouble={trouble} />;
        return shell.page(
          request,
          { title: 'Sign in', current: null, styles: ['simple'], body },
          { status: isThrottled ? 429 : 401 },
        );
      },
      { ...access('public'), body: LoginForm },
    );

/** Only a path of ours; anything that a browser might read as another host becomes the first page. */
function ownPath(next: string): string {
  return /^\/(?![/\\])[\w\-./%?=&]*$/.test(next) ? next : '/';
}
