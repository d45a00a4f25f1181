/**
 * What was removed and can be had back: one small JSON file each. They lie in the data directory, not beside the files:
 * a record on a disk that others can write would be an order to Flow to move files.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { writeWhole } from '#src/whole-file.ts';
import { namesIn } from './file-look.ts';
import { ModelConfig } from './model.ts';

const text = Type.String({ minLength: 1, maxLength: 4_096 });
const NullableText = Type.Union([Type.Null(), text]);

const StoredModel = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200 }),
  name: text,
  format: Type.Union([Type.Literal('gguf'), Type.Literal('mlx')]),
  path: Type.String({ maxLength: 4_096 }),
  endpoint: Type.Union([
    Type.Null(),
    Type.Object({
      baseUrl: text,
      engine: Type.Union(
        (['llama.cpp', 'mlx-lm', 'mlx-openai-server', 'mlx-vlm', 'openai'] as const).map((kind) => Type.Literal(kind)),
      ),
      modelName: text,
    }),
  ]),
  hfId: NullableText,
  quantization: NullableText,
  sizeBytes: Type.Integer({ minimum: 0 }),
  trainedContextTokens: Type.Union([Type.Null(), Type.Integer()]),
  capabilities: Type.Object({
    tools: Type.Boolean(),
    thinking: Type.Boolean(),
    vision: Type.Boolean(),
    embedding: Type.Boolean(),
  }),
  aliases: Type.Array(text),
  isDemo: Type.Boolean(),
  isManaged: Type.Boolean(),
  config: ModelConfig,
  createdAtMs: Type.Integer(),
  updatedAtMs: Type.Integer(),
});

/** One removal. */
export const Removal = Type.Object({
  token: Type.String({ pattern: '^[0-9a-f-]{36}$' }),
  removedAtMs: Type.Integer(),
  model: StoredModel,
  /** The models folder in whose trash the files are; null when no file was moved. */
  trashed: Type.Union([
    Type.Null(),
    Type.Object({ modelsDir: text, entry: text, folder: text, names: Type.Array(text, { minItems: 1 }) }),
  ]),
});
export type Removal = Static<typeof Removal>;

/** Keeps the records. */
export class RemovalRecords {
  readonly #folder: string;

  /** `folder` is absolute; it is made when the first record is written. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** All that can be read, oldest first; what is no record is passed over. */
  read(): Removal[] {
    const removals = namesIn(this.#folder)
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => recordIn(join(this.#folder, name)) ?? []);
    return removals.toSorted((a, b) => a.removedAtMs - b.removedAtMs);
  }

  /** Throws what the disk says. */
  write(removal: Removal): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    writeWhole(this.#pathOf(removal), `${JSON.stringify(removal)}\n`);
  }

  /** Never throws: a record that stays is taken for what it is at the next start. */
  delete(removal: Removal): void {
    try {
      rmSync(this.#pathOf(removal), { force: true });
    } catch {
      return;
    }
  }

  #pathOf({ token }: Removal): string {
    return join(this.#folder, `${token}.json`);
  }
}

function recordIn(path: string): Removal | null {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Value.Check(Removal, record) ? record : null;
  } catch {
    return null;
  }
}
