/** Unpacks a release archive with the system's tar or unzip, refusing whatever would leave its folder. */
import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { Fault } from '#src/faults.ts';
import { runProgram } from './run-program.ts';

const UNPACK_MS = 300_000;
const ENTRIES_MAX = 20_000;

type Unpacking = {
  readonly archivePath: string;
  /** An empty folder. */
  readonly into: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};

/**
 * Unpacks a `.tar.gz` or `.zip`. Throws Fault('install-failed') naming the entry that is hostile; the caller removes
 * the folder.
 */
export async function unpack(unpacking: Unpacking): Promise<void> {
  const { archivePath, into } = unpacking;
  const isZip = archivePath.endsWith('.zip');
  const names = await run(isZip ? ['unzip', '-Z1', archivePath] : ['tar', '-tzf', archivePath], unpacking);
  checkNames(names.split('\n').filter((name) => name !== ''));
  if (!isZip) checkLinks(await run(['tar', '-tvzf', archivePath], unpacking));
  await run(isZip ? ['unzip', '-q', archivePath, '-d', into] : ['tar', '-xzf', archivePath, '-C', into], unpacking);
  checkTree(into, realpathSync(into));
}

function checkNames(names: readonly string[]): void {
  if (names.length > ENTRIES_MAX) throw hostile(`has ${names.length} entries`);
  for (const name of names) {
    if (name.startsWith('/') || name.includes('\\') || name.split('/').includes('..')) {
      throw hostile(`has the entry \`${name}\`, which would leave its folder`);
    }
  }
}

/**
 * Releases link libraries to their versions, within one folder. A link elsewhere could lead a later entry out of ours.
 */
function checkLinks(listing: string): void {
  for (const line of listing.split('\n')) {
    if (line.startsWith('h') || line.includes(' link to ')) throw hostile('has a hard link');
    const target = line.startsWith('l') ? (line.split(' -> ').at(-1) ?? '') : '';
    if (target.includes('/') || target === '..')
      throw hostile(`has a link to \`${target}\`, which would leave its folder`);
  }
}

/** What really arrived: plain files, folders, and links that stay inside. */
function checkTree(folder: string, root: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stats = lstatSync(path);
    if (stats.isDirectory()) checkTree(path, root);
    else if (stats.isSymbolicLink()) {
      if (!leadsInside(path, root)) throw hostile(`has the link \`${name}\`, which would leave its folder`);
    } else if (!stats.isFile()) throw hostile(`has the entry \`${name}\`, which is no plain file`);
  }
}

function leadsInside(path: string, root: string): boolean {
  try {
    return realpathSync(path).startsWith(root + sep);
  } catch {
    return false;
  }
}

async function run(argv: readonly string[], { env, signal }: Unpacking): Promise<string> {
  const end = await runProgram(argv, { env, boundMs: UNPACK_MS, signal });
  if (end.kind === 'exited' && end.code === 0) return end.stdout;
  const why = end.kind === 'exited' ? end.stderr.trim().split('\n')[0] : end.kind;
  const hint = end.kind === 'not-started' ? { hint: `Install \`${argv[0]}\`.` } : {};
  throw new Fault('install-failed', `The archive could not be unpacked by ${argv[0]}: ${why}.`, hint);
}

function hostile(what: string): Fault {
  return new Fault('install-failed', `The archive is refused: it ${what}.`);
}
