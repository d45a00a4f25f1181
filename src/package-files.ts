/** The files of Flow's own package that it reads as files: beside its sources, or inside the executable. */
import { join } from 'node:path';

/** The folder of the executable that holds them, under the same paths as in the package. */
export const EMBEDDED_FOLDER = 'package';

/** Everything that is read so; `bun run build` puts exactly these into the executable. Folders end in a slash. */
export const PACKAGE_FILES = [
  'public/',
  'src/behaviour/templates/',
  'node_modules/htmx.org/dist/htmx.min.js',
  'node_modules/htmx.org/dist/ext/hx-sse.min.js',
  'node_modules/htmx.org/dist/ext/hx-alpine-compat.min.js',
  'node_modules/@alpinejs/csp/dist/cdn.min.js',
] as const;

/** Where one of them is, for whoever reads files; `path` as it is in the package. */
export function packageFile(path: string): string {
  if (!Bun.isStandaloneExecutable) return join(import.meta.dir, '..', path);
  return join(import.meta.dir, EMBEDDED_FOLDER, path);
}
