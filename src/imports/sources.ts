/** Where the files of other programs usually lie, and reading them into plans. */
import { basename, dirname, join } from 'node:path';
import type { FoundModel } from '#src/discovery/found-model.ts';
import type { Surroundings } from '#src/discovery/places.ts';
import { readSmallFile } from '#src/discovery/small-file.ts';
import { Fault } from '#src/faults.ts';
import { statOrNull } from '#src/models/file-look.ts';
import { readLlamaServerPresets } from './llama-server-presets.ts';
import { readLlamaSwap } from './llama-swap.ts';
import type { ImportPlan, ImportSource } from './plan.ts';
import { pythonDatabase, readPythonFlow } from './python-flow.ts';

/** Configurations are written by people: a megabyte is more than anybody writes. */
const TEXT_BYTES_MAX = 1 << 20;

/** A source that is there. */
export type FoundSource = { readonly source: ImportSource; readonly path: string };

/** The usual places, in the order in which they are tried. */
export function usualPlaces(source: ImportSource, { environment, home }: Surroundings, dataDir: string): string[] {
  const config = environment.XDG_CONFIG_HOME || join(home, '.config');
  switch (source) {
    case 'flow-python':
      return [...new Set([dataDir, join(home, '.flow'), join(home, '.james')])];
    case 'llama-swap':
      return [
        join(config, 'llama-swap', 'config.yaml'),
        join(config, 'llama-swap', 'config.yml'),
        join(home, '.llama-swap', 'config.yaml'),
        join(home, 'llama-swap', 'config.yaml'),
        join(home, 'llama-swap.yaml'),
        '/etc/llama-swap/config.yaml',
        '/opt/homebrew/etc/llama-swap/config.yaml',
        '/usr/local/etc/llama-swap/config.yaml',
      ];
    case 'llama-server':
      return [
        ...(environment.LLAMA_ARG_MODELS_PRESET ? [environment.LLAMA_ARG_MODELS_PRESET] : []),
        ...[config, home].flatMap((folder) => ['preset.ini', 'presets.ini', 'models.ini'].map(inLlamaCpp(folder))),
        '/etc/llama.cpp/models.ini',
        '/etc/llama.cpp/preset.ini',
      ];
    default:
      return source satisfies never;
  }
}

/** The first usual place that holds such a file; null when none does. */
export function findSource(source: ImportSource, surroundings: Surroundings, dataDir: string): FoundSource | null {
  const isThere = (path: string): boolean =>
    source === 'flow-python' ? pythonDatabase(path) !== null : (statOrNull(path)?.isFile() ?? false);
  const path = usualPlaces(source, surroundings, dataDir).find(isThere);
  return path === undefined ? null : { source, path };
}

export type ReadingParts = {
  readonly surroundings: Surroundings;
  readonly dataDir: string;
  /** What was downloaded before; looked for only where a file may name a repository. */
  readonly found: () => Promise<readonly FoundModel[]>;
};

/** Reads a file, or the folder of the Python Flow, into a plan. Throws Fault('not-found' or 'unprocessable'). */
export async function readSource({ source, path }: FoundSource, parts: ReadingParts): Promise<ImportPlan> {
  if (source === 'flow-python') return readPythonFlow(path, isSame(path, parts.dataDir));
  const text = readSmallFile(path, TEXT_BYTES_MAX);
  const { found, surroundings } = parts;
  try {
    return await readText(source, text, { folder: dirname(path), environment: surroundings.environment, found });
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    throw new Fault(cause.kind, `${basename(path)}: ${cause.message}`, { cause });
  }
}

/** What can be given as text: the Python Flow's is a database. */
export type TextSource = Exclude<ImportSource, 'flow-python'>;

export type TextSurroundings = Pick<ReadingParts, 'found'> & {
  /** Relative paths start there. */
  readonly folder: string;
  /** Variables that the text may name. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** Whose configuration a text is: sections and `name = value` are llama-server's, YAML is llama-swap's. */
export function sourceOfText(text: string): TextSource {
  const first = text.split('\n').find((line) => /^\s*[^\s#;]/.test(line)) ?? '';
  return /^\s*(?:\[|[\w.-]+\s*=)/.test(first) ? 'llama-server' : 'llama-swap';
}

/** Reads a text into a plan. Throws Fault('unprocessable'). */
export async function readText(
  source: TextSource,
  text: string,
  { found, folder, environment }: TextSurroundings,
): Promise<ImportPlan> {
  // Looking through caches takes a while; most files name paths only.
  const models = /\bhf\b|hf-|HF_|mlx/i.test(text) || source === 'llama-server' ? await found() : [];
  if (source === 'llama-server') return readLlamaServerPresets(text, { folder, found: models });
  return readLlamaSwap(text, { folder, environment, found: models });
}

function inLlamaCpp(folder: string): (name: string) => string {
  return (name) => join(folder, 'llama.cpp', name);
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [statOrNull(a), statOrNull(b)];
  const folder = one?.isFile() ? statOrNull(dirname(a)) : one;
  return folder !== null && other !== null && folder?.ino === other.ino && folder?.dev === other.dev;
}
