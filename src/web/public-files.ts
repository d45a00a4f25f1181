/** Our own style sheets, scripts, icons and pictures. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { staticPlugin } from '@elysiajs/static';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { packageFile } from '#src/package-files.ts';
import { TextFile } from './text-file.ts';

const FOLDER = packageFile('public');
const PREFIX = '/public';
const WORKER_POLICY = "default-src 'none'; connect-src 'self'";
/** What gzip makes small. */
const TEXT_TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  html: 'text/html; charset=utf-8',
  webmanifest: 'application/manifest+json',
};
const TEXT_PATTERN = new RegExp(`\\.(?:${Object.keys(TEXT_TYPES).join('|')})$`);

/**
 * One exact route for each file that exists at start: a request's path is looked up, never joined to a folder.
 * Browsers ask again each time and are answered 304 while nothing changed, so an update of Flow shows at once. Text
 * travels compressed, which a page of many small files lives on (measured: 104 kB plain, 71 kB so).
 */
export const publicFiles = async () => {
  const pictures = await staticPlugin({
    assets: FOLDER,
    prefix: PREFIX,
    alwaysStatic: true,
    indexHTML: false,
    directive: 'no-cache',
    maxAge: null,
    ignorePatterns: [TEXT_PATTERN],
    detail: access('public').detail,
    silent: true,
  });
  const app = new Elysia({ name: 'public-files' }).use(pictures);
  for (const path of textPaths()) {
    const type = TEXT_TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'text/plain; charset=utf-8';
    const file = new TextFile(join(FOLDER, path), type);
    app.get(`${PREFIX}/${path}`, ({ request }) => file.respond(request), access('public'));
  }
  // A worker governs only what lies below its own address, and lives under the policy that it came with.
  const worker = new TextFile(join(FOLDER, 'js/service-worker.js'), 'text/javascript; charset=utf-8');
  app.get(
    '/sw.js',
    ({ request, set }) => {
      set.headers['content-security-policy'] = WORKER_POLICY;
      return worker.respond(request);
    },
    access('public'),
  );
  return app;
};

function textPaths(): readonly string[] {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) => TEXT_PATTERN.test(path));
}
