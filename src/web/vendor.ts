/**
 * The scripts of other people that pages load, straight from node_modules: read once, compressed once, served from
 * memory under names that carry their digest, so browsers keep them for ever. No path is ever made from a request.
 */
import { createHash } from 'node:crypto';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { packageFile } from '#src/package-files.ts';

/** Addresses of the vendored scripts. */
export type VendorUrls = { readonly [Name in VendorName]: string };

export type VendorName = 'htmx' | 'sse' | 'alpineCompat' | 'alpine';

/** The scripts and where they are. */
export type Vendor = { readonly urls: VendorUrls; readonly files: readonly VendorFile[] };

type VendorFile = {
  readonly url: string;
  readonly etag: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly compressed: Uint8Array<ArrayBuffer>;
};

const SOURCES: { readonly [Name in VendorName]: string } = {
  htmx: 'htmx.org/dist/htmx.min.js',
  sse: 'htmx.org/dist/ext/hx-sse.min.js',
  alpineCompat: 'htmx.org/dist/ext/hx-alpine-compat.min.js',
  alpine: '@alpinejs/csp/dist/cdn.min.js',
};
const FOR_EVER = 'public, max-age=31536000, immutable';

/** Reads the scripts. Rejects when one is not installed. */
export async function loadVendor(): Promise<Vendor> {
  const [htmx, sse, alpineCompat, alpine] = await Promise.all([
    loadFile(SOURCES.htmx),
    loadFile(SOURCES.sse),
    loadFile(SOURCES.alpineCompat),
    loadFile(SOURCES.alpine),
  ]);
  const urls = { htmx: htmx.url, sse: sse.url, alpineCompat: alpineCompat.url, alpine: alpine.url };
  return { urls, files: [htmx, sse, alpineCompat, alpine] };
}

/** One exact route for each script. */
export const vendorRoutes = ({ vendor }: { vendor: Vendor }) => {
  const app = new Elysia({ name: 'vendor-routes' });
  for (const file of vendor.files) app.get(file.url, ({ request }) => respond(file, request), access('public'));
  return app;
};

async function loadFile(source: string): Promise<VendorFile> {
  const path = packageFile(`node_modules/${source}`);
  // The map would be asked for by developer tools only, and is not served.
  const text = (await Bun.file(path).text()).replace(/\n?\/\/# sourceMappingURL=.*$/m, '');
  const plain = new TextEncoder().encode(text);
  const digest = createHash('sha256').update(plain).digest('hex').slice(0, 16);
  const name = source.split('/').findLast((part) => part.endsWith('.js')) ?? source;
  return { url: `/vendor/${digest}/${name}`, etag: `"${digest}"`, plain, compressed: Bun.gzipSync(plain) };
}

function respond(file: VendorFile, request: Request): Response {
  const headers = { etag: file.etag, 'cache-control': FOR_EVER, vary: 'accept-encoding' };
  if (request.headers.get('if-none-match') === file.etag) return new Response(null, { status: 304, headers });
  const isCompressed = request.headers.get('accept-encoding')?.includes('gzip') ?? false;
  return new Response(isCompressed ? file.compressed : file.plain, {
    headers: {
      ...headers,
      'content-type': 'text/javascript; charset=utf-8',
      ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
    },
  });
}
