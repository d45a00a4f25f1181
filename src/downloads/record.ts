/** What is remembered of a download: one small file for each, which says what is wanted and how far it got. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { namesIn } from '#src/models/file-look.ts';
import { writeWhole } from '#src/whole-file.ts';

const OrNull = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);
const Bytes = Type.Integer({ minimum: 0 });

const RecordFile = Type.Object({
  repository: Type.String(),
  /** The commit, so that all parts are of one state of the repository. */
  revision: Type.String(),
  path: Type.String(),
  sizeBytes: Bytes,
  sha256: OrNull(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  /** For files without a SHA-256; records of an earlier Flow have none. */
  gitId: Type.Union([Type.String({ pattern: '^[0-9a-f]{40}$' }), Type.Null()], { default: null }),
  role: Type.Union([Type.Literal('model'), Type.Literal('projector'), Type.Literal('draft')]),
  /** Where it belongs; absolute, inside `root`. */
  target: Type.String(),
  /** When it was put there, by the file's own time; tells that nobody has touched it since. Null before. */
  placedMs: OrNull(Type.Number()),
  /** It was fetched, not found: Flow may delete it. */
  isFetched: Type.Boolean(),
  /** How often what came had another digest. */
  damages: Type.Integer({ minimum: 0 }),
});

/** A wish, in full: what would be asked for again when the repository changes. */
const RecordWish = Type.Object({
  filename: OrNull(Type.String()),
  quantization: OrNull(Type.String()),
  withProjector: Type.Boolean(),
  /** Null = whatever is newest. */
  revision: OrNull(Type.String()),
  draft: OrNull(Type.Object({ repository: Type.String(), quantization: OrNull(Type.String()) })),
});

export const DownloadRecord = Type.Object({
  version: Type.Literal(1),
  id: Type.String({ pattern: '^[0-9a-f]{12}$' }),
  /** Repository, or repository and file: the same for whoever wants the same. */
  key: Type.String(),
  repository: Type.String(),
  wish: RecordWish,
  format: Type.Union([Type.Literal('gguf'), Type.Literal('mlx')]),
  quantization: OrNull(Type.String()),
  files: Type.Array(RecordFile, { minItems: 1 }),
  /** The models folder when it was asked for; absolute. */
  root: Type.String(),
  state: Type.Union([
    Type.Literal('queued'),
    Type.Literal('running'),
    Type.Literal('paused'),
    Type.Literal('verifying'),
    Type.Literal('registering'),
    Type.Literal('complete'),
    Type.Literal('failed'),
    Type.Literal('cancelled'),
  ]),
  /** Why it is paused or failed. */
  reason: OrNull(Type.Object({ kind: Type.String(), message: Type.String(), hint: OrNull(Type.String()) })),
  /** What the user should know beside the state. */
  note: OrNull(Type.String()),
  modelId: OrNull(Type.String()),
  createdAtMs: Type.Number(),
  /** Its place among those that wait, in the measure of `createdAtMs`, where somebody has moved it; else null. */
  place: Type.Union([Type.Number(), Type.Null()], { default: null }),
  endedAtMs: OrNull(Type.Number()),
});
export type DownloadRecord = Static<typeof DownloadRecord>;
export type RecordFile = Static<typeof RecordFile>;
export type RecordWish = Static<typeof RecordWish>;
export type DownloadState = DownloadRecord['state'];

const SUFFIX = '.json';

/**
 * The files of all records, in a folder of Flow's data directory. Files and not the database: a broken database is set
 * aside with all that is in it, a full models disk must not keep a pause from being written, and a rename either has
 * happened or has not.
 */
export class RecordFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** All that can be read, oldest first. What is no record is left where it is. */
  load(): DownloadRecord[] {
    const names = namesIn(this.#folder).filter((name) => name.endsWith(SUFFIX));
    const records = names.flatMap((name) => {
      const record = Value.Default(DownloadRecord, readJson(join(this.#folder, name)));
      return Value.Check(DownloadRecord, record) && name === `${record.id}${SUFFIX}` ? [record] : [];
    });
    return records.sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** Throws what the file system throws. */
  save(record: DownloadRecord): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    writeWhole(join(this.#folder, `${record.id}${SUFFIX}`), JSON.stringify(record));
  }

  remove(id: string): void {
    rmSync(join(this.#folder, `${id}${SUFFIX}`), { force: true });
  }
}

/** The JSON in a file; null when there is none. */
export function readJson(path: string): unknown {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return value;
  } catch {
    return null;
  }
}
