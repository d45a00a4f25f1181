/** From what somebody asks for to a record: which files, from which commit, to which places. */
import { basename, dirname, join } from 'node:path';
import { Fault } from '#src/faults.ts';
import type { Hub } from '#src/hub/hub.ts';
import type { DownloadRecord, RecordFile, RecordWish } from './record.ts';
import { checkedRepository, targetOf } from './safe-path.ts';
import { type Unit, unitOf } from './unit.ts';

export type Order = RecordWish & { readonly repository: string };

const BYTES_MAX = 16e12;

/** Asks the hub what there is and chooses. Throws the hub's Faults, and those of `unitOf` and of unsafe names. */
export async function planned(
  order: Order,
  hub: Pick<Hub, 'files' | 'repository'>,
  modelsDir: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<DownloadRecord> {
  const { repository: given, ...wish } = order;
  const main = await lookUp(given, wish.revision, wish, hub, signal);
  const files = filesOf(main, modelsDir, main.unit.mainPath);
  const draft = wish.draft ? await draftFiles(wish.draft, main.unit.format, modelsDir, hub, signal) : [];
  const all = [...files, ...draft];
  const targets = new Set(all.map(({ target }) => target.toLowerCase()));
  if (targets.size < all.length) throw new Fault('unprocessable', 'Two files of the repository have the same name.');
  if (all.some(({ sizeBytes }) => !(sizeBytes >= 0 && sizeBytes <= BYTES_MAX))) {
    throw new Fault('unprocessable', 'The repository names a size that no file has.');
  }
  const { unit, repository } = main;
  const key = unit.mainPath === null ? repository : `${repository}/${unit.mainPath}`;
  return {
    version: 1,
    id: new Bun.CryptoHasher('sha256').update(key).digest('hex').slice(0, 12),
    key,
    repository,
    wish,
    format: unit.format,
    quantization: unit.quantization,
    files: all,
    root: modelsDir,
    state: 'queued',
    reason: null,
    note: null,
    modelId: null,
    createdAtMs: nowMs,
    place: null,
    endedAtMs: null,
  };
}

type Found = { readonly repository: string; readonly revision: string; readonly unit: Unit };

async function lookUp(
  given: string,
  revision: string | null,
  wish: Pick<RecordWish, 'filename' | 'quantization' | 'withProjector'>,
  hub: Pick<Hub, 'files' | 'repository'>,
  signal: AbortSignal,
): Promise<Found> {
  const repository = checkedRepository(given);
  // A branch may move while its files are fetched; a commit does not.
  const fixed = revision ?? (await hub.repository(repository, signal)).commit;
  return { repository, revision: fixed, unit: unitOf(await hub.files(repository, fixed, signal), wish) };
}

async function draftFiles(
  { repository, quantization }: NonNullable<RecordWish['draft']>,
  format: Unit['format'],
  modelsDir: string,
  hub: Pick<Hub, 'files' | 'repository'>,
  signal: AbortSignal,
): Promise<RecordFile[]> {
  const found = await lookUp(repository, null, { filename: null, quantization, withProjector: false }, hub, signal);
  if (found.unit.format !== format) {
    const [wanted, other] = format === 'gguf' ? ['a GGUF', 'an MLX'] : ['an MLX', 'a GGUF'];
    throw new Fault('unprocessable', `The draft is ${other} model; ${wanted} model needs ${wanted} one.`);
  }
  return filesOf(found, modelsDir, found.unit.mainPath).map((file) => ({ ...file, role: 'draft' }));
}

function filesOf({ repository, revision, unit }: Found, modelsDir: string, mainPath: string | null): RecordFile[] {
  return unit.files.map(({ path, sizeBytes, sha256, gitId, role }) => {
    const own = targetOf(modelsDir, repository, path);
    // A projector is looked for beside its model.
    const isBeside = role === 'projector' && mainPath !== null;
    const target = isBeside ? join(dirname(targetOf(modelsDir, repository, mainPath)), basename(own)) : own;
    const digest = sha256?.toLowerCase() ?? null;
    return {
      ...{ repository, revision, path, sizeBytes, role, target },
      sha256: digest,
      gitId,
      placedMs: null,
      isFetched: false,
      damages: 0,
    };
  });
}
