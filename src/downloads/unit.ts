/** Which files of a repository belong together: all shards of a model and its projector, or a whole MLX repository. */
import { basename, dirname } from 'node:path/posix';
import { Fault } from '#src/faults.ts';
import { quantizationInName } from '#src/gguf/tensor-types.ts';
import type { HubFile } from '#src/hub/hub.ts';
import { type MlxGroup, mlxGroup } from '#src/hub/mlx-group.ts';
import { isLaterShard, isProjectorName } from '#src/models/local-file.ts';

/** What somebody asks for. */
export type Wish = {
  readonly filename: string | null;
  readonly quantization: string | null;
  readonly withProjector: boolean;
};

export type UnitRole = 'model' | 'projector' | 'draft';
export type UnitFile = HubFile & { readonly role: UnitRole };

/** Files that are only of use together. */
export type Unit = {
  readonly format: 'gguf' | 'mlx';
  /** The file by which a GGUF model is registered: its first shard; null for MLX, where it is the folder. */
  readonly mainPath: string | null;
  readonly quantization: string | null;
  /** In the order in which they are fetched. */
  readonly files: readonly UnitFile[];
};

const SHARD = /-(\d{5})-of-(\d{5})\.gguf$/i;
/** What is taken when nobody says which: small enough for most machines, good enough for most uses. */
const QUANTIZATIONS_USUAL = ['Q4_K_M', 'UD-Q4_K_XL', 'Q4_K_S', 'MXFP4', 'Q4_0', 'IQ4_XS', 'Q5_K_M', 'Q6_K', 'Q8_0'];
const PROJECTORS_USUAL = ['F16', 'BF16', 'Q8_0', 'F32'];
const NAMES_SHOWN = 8;

/** Chooses the files. Throws Fault('not-found') or Fault('unprocessable') with what there is instead. */
export function unitOf(files: readonly HubFile[], wish: Wish): Unit {
  const models = files.filter(({ path }) => isModelFile(path));
  if (models.length > 0) return ggufUnit(files, models, wish);
  const mlx = mlxGroup('', files);
  if (mlx && wish.filename === null) return mlxUnit(mlx);
  if (wish.filename !== null) throw noSuch(`the file "${wish.filename}"`, [...new Set(files.map(({ path }) => path))]);
  throw new Fault('unprocessable', 'The repository holds neither a GGUF model nor an MLX one.', {
    hint: 'Look for a repository whose name ends in -GGUF, or one of mlx-community.',
  });
}

function ggufUnit(files: readonly HubFile[], models: readonly HubFile[], wish: Wish): Unit {
  const main = wish.filename === null ? byQuantization(models, wish.quantization) : byName(models, wish.filename);
  const shards = shardsOf(main, files);
  const projector = wish.withProjector ? projectorOf(main, files) : null;
  const asModel = shards.map((file) => ({ ...file, role: 'model' as const }));
  return {
    format: 'gguf',
    mainPath: main.path,
    quantization: quantizationOf(main.path),
    files: projector === null ? asModel : [...asModel, { ...projector, role: 'projector' }],
  };
}

function mlxUnit({ files, isComplete }: MlxGroup): Unit {
  if (!isComplete) throw new Fault('unprocessable', 'The repository lacks parts of this model.');
  return {
    format: 'mlx',
    mainPath: null,
    quantization: null,
    files: files.map((file) => ({ ...file, role: 'model' })),
  };
}

/** Whether a file is one a GGUF model is known by: whole, or the first of its shards. */
function isModelFile(path: string): boolean {
  return /\.gguf$/i.test(path) && !isLaterShard(path) && !isProjectorName(basename(path));
}

function byName(models: readonly HubFile[], filename: string): HubFile {
  const first = filename.replace(SHARD, (_, _number, total: string) => `-00001-of-${total}.gguf`);
  const exact = models.find(({ path }) => path === first) ?? models.filter(({ path }) => basename(path) === first)[0];
  if (exact) return exact;
  throw noSuch(
    `the file "${filename}"`,
    models.map(({ path }) => path),
  );
}

function byQuantization(models: readonly HubFile[], wanted: string | null): HubFile {
  const known = models.map((file) => ({ file, name: quantizationOf(file.path) }));
  if (wanted === null) {
    for (const usual of QUANTIZATIONS_USUAL) {
      const found = known.find(({ name }) => name === usual);
      if (found) return found.file;
    }
    const [smallest] = models.toSorted((a, b) => a.sizeBytes - b.sizeBytes);
    if (smallest) return smallest;
  }
  const key = (wanted ?? '').toUpperCase().replace(/\.GGUF$/, '');
  const fitting = known.filter(({ name }) => name === key);
  const alike = fitting.length > 0 ? fitting : known.filter(({ name }) => name === `UD-${key}`);
  const byText = known.filter(({ file }) => basename(file.path).toUpperCase().includes(key));
  const [found] = alike.length > 0 ? alike : key !== '' && byText.length === 1 ? byText : [];
  if (found) return found.file;
  throw noSuch(`a quantisation "${(wanted ?? '').slice(0, 40)}"`, [
    ...new Set(known.map(({ name, file }) => name ?? file.path)),
  ]);
}

function quantizationOf(path: string): string | null {
  const inName = quantizationInName(basename(path).replace(SHARD, '.gguf'));
  return inName ?? quantizationInName(basename(dirname(path)));
}

function shardsOf(main: HubFile, files: readonly HubFile[]): readonly HubFile[] {
  const [, , total] = SHARD.exec(main.path) ?? [];
  if (total === undefined) return [main];
  const stem = main.path.replace(SHARD, '');
  return Array.from({ length: Number(total) }, (_, index) => {
    const path = `${stem}-${String(index + 1).padStart(5, '0')}-of-${total}.gguf`;
    const shard = files.find((file) => file.path === path);
    if (shard) return shard;
    throw new Fault('unprocessable', `The repository lacks part ${index + 1} of the ${Number(total)} of this model.`);
  });
}

/** The usual projector of the model's own folder, else of the repository's root. */
function projectorOf(main: HubFile, files: readonly HubFile[]): HubFile | null {
  const all = files.filter(({ path }) => /\.gguf$/i.test(path) && isProjectorName(basename(path)));
  const near = all.filter(({ path }) => dirname(path) === dirname(main.path));
  const candidates = near.length > 0 ? near : all.filter(({ path }) => !path.includes('/'));
  const rank = ({ path }: HubFile): number => {
    const at = PROJECTORS_USUAL.indexOf(quantizationOf(path) ?? '');
    return at < 0 ? PROJECTORS_USUAL.length : at;
  };
  return candidates.toSorted((a, b) => rank(a) - rank(b))[0] ?? null;
}

function noSuch(what: string, there: readonly string[]): Fault {
  const shown = there.slice(0, NAMES_SHOWN).join(', ');
  const more = there.length > NAMES_SHOWN ? ` and ${there.length - NAMES_SHOWN} more` : '';
  return new Fault('not-found', `The repository has not got ${what}.`, { hint: `It has ${shown}${more}.` });
}
