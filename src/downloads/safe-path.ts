/** Names from a repository become paths on this machine only through here. */
import { lstatSync, realpathSync } from 'node:fs';
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
  const realRoot = realpathSync(root);
  // A folder that is a link would have folders made where it leads, so what is there is looked at first.
  if (!isIn(realNearest(folder), realRoot)) throw leadsOut(target);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const isInside = isIn(realpathSync(folder), realRoot);
  const there = await lstat(target).catch((cause) => {
    if (systemCodeOf(cause) === 'ENOENT') return null;
    throw cause;
  });
  if (isInside && (there === null || there.isFile())) return;
  throw leadsOut(target);
}

function isIn(real: string, realRoot: string): boolean {
  return real === realRoot || real.startsWith(realRoot + sep);
}

/** Inside nothing. */
const NOWHERE = '';

/** Where a path leads as far as it is there; nowhere for a link that leads to nothing yet. */
function realNearest(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    const isDangling = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
    if (isDangling || systemCodeOf(cause) !== 'ENOENT' || dirname(path) === path) return NOWHERE;
    return realNearest(dirname(path));
  }
}

function leadsOut(target: string): Fault {
  return new Fault('conflict', `${target} leads out of the models folder or is no plain file, so it is left alone.`, {
    hint: 'Move it away, then resume the download.',
  });
}

/** Where a repository's file goes: `<modelsDir>/<owner>/<name>/<path>`. Throws as `safeNames`. */
export function targetOf(modelsDir: string, repository: string, path: string): string {
  return join(modelsDir, ...checkedRepository(repository).split('/'), ...safeNames(path));
}
