/** What repositories, revisions and files may be called. Everything that goes into an address passes here. Pure. */
import { Fault } from '#src/faults.ts';

const PART = '[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?';
const REPOSITORY = new RegExp(`^${PART}/${PART}$`);
const REVISION = /^[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$/;
const PATH_LENGTH_MAX = 1_000;

/** Whether it is `owner/name` as the hub writes them. */
export function isRepositoryId(text: string): boolean {
  return REPOSITORY.test(text) && !text.includes('..') && !text.includes('--');
}

/** Throws Fault('invalid-request') for what no repository is called. */
export function checkRepositoryId(id: string): string {
  if (isRepositoryId(id)) return id;
  throw new Fault('invalid-request', `${shown(id)} is not the name of a repository.`, {
    hint: 'Write it as owner/name, for example ggml-org/gemma-3-4b-it-GGUF.',
  });
}

/** Throws Fault('invalid-request') for what is neither branch, tag nor commit. */
export function checkRevision(revision: string): string {
  if (REVISION.test(revision) && !revision.includes('..')) return revision;
  throw new Fault('invalid-request', `${shown(revision)} is not a revision.`);
}

/** Whether a path stays inside its repository, and reads as what it is: no control characters, no turned text. */
export function isFilePath(path: string): boolean {
  if (path.length === 0 || path.length > PATH_LENGTH_MAX) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  if (/[\\\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The path, ready for an address. Throws Fault('invalid-request') for one that leaves its repository. */
export function encodedFilePath(path: string): string {
  if (isFilePath(path)) return path.split('/').map(encodeURIComponent).join('/');
  throw new Fault('invalid-request', `${shown(path)} is not the path of a file in a repository.`);
}

function shown(text: string): string {
  return `"${text.replace(/[^\w./ -]/g, '?').slice(0, 80)}"`;
}
