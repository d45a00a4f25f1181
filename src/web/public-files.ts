/** Our own style sheets, scripts and icons. */
import { fileURLToPath } from 'node:url';
import { staticPlugin } from '@elysiajs/static';
import { access } from '#src/access.ts';

const FOLDER = fileURLToPath(new URL('../../public', import.meta.url));

/**
 * One exact route for each file that exists at start: a request's path is looked up, never joined to a folder.
 * Browsers ask again each time and are answered 304 while nothing changed, so an update of Flow shows at once.
 */
export const publicFiles = () =>
  staticPlugin({
    assets: FOLDER,
    prefix: '/public',
    alwaysStatic: true,
    indexHTML: false,
    directive: 'no-cache',
    maxAge: null,
    detail: access('public').detail,
    silent: true,
  });
