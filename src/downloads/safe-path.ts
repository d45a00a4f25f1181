/** Names from a repository become paths on this machine only through here. */
import { realpathSync } from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Fault, systemCodeOf } from '#src/faults.ts';

const NAME_BYTES_MAX = 200;
const DEPTH_MAX = 8;
// Control characters, marks that turn the direction of writing or do not show, and what Windows refuses in a name.
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}<>:"|?*]/u;
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}\/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/;

/**
 * A repository's own path as names below the target folder. Throws Fault('unprocessable') for whatever would lead out
 * of it, hide in it, or not be a name everywhere.
 */
export function safeNames(path: string): readonly string[] {
  const names = path.normalize('NFC').split(/[/\\]/);
  const wrong = names.find((name) => !isSafeName(name));
  if (wrong === undefined && names.length <= DEPTH_MAX) return names;
  const shown = JSON.stringify(path.slice(0, 80));
  throw new Fault('unprocessable', `The repository names a file ${shown}, which Flow does not store: it is not safe.`);
}

function isSafeName(name: string): boolean {
  return (
    name !== '' &&
    !name.startsWith('.') &&
    !/[. ]$/.test(name) &&
    !FORBIDDEN.test(name) &&
    !RESERVED.test(name) &&
    Buffer.byteLength(name) <= NAME_BYTES_MAX
  );
}

/** `owner/name` as it was given; throws Fault('invalid-request') for anything else. */
export function checkedRepository(given: string): string {
  if (REPOSITORY.test(given) && !given.includes('..') && given.split('/').every(isSafeName)) return given;
  throw new Fault('invalid-request', `"${given.slice(0, 100)}" is not a repository; it is written OWNER/NAME.`, {
    details: { field: 'hf_id' },
  });
}

/**
 * Makes the folder of a file that is to lie below `root`, and makes sure that it really lies there and that no link
 * takes the file's place. Throws Fault('conflict') otherwise.
 */
export async function prepareFolder(root: string, target: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const folder = dirname(target);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [realRoot, realFolder] = [realpathSync(root), realpathSync(folder)];
  const isInside = realFolder === realRoot || realFolder.startsWith(realRoot + sep);
  const there = await lstat(target).catch((cause) => {
    if (systemCodeOf(cause) === 'ENOENT') return null;
    throw cause;
  });
  if (isInside && (there === null || there.isFile())) return;
  throw new Fault('conflict', `${target} leads out of the models folder or is no plain file, so it is left alone.`, {
    hint: 'Move it away, then resume the download.',
  });
}

/** Where a repository's file goes: `<modelsDir>/<owner>/<name>/<path>`. Throws as `safeNames`. */
export function targetOf(modelsDir: string, repository: string, path: string): string {
  return join(modelsDir, ...checkedRepository(repository).split('/'), ...safeNames(path));
}
