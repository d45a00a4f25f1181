/** Where hostile text comes in with models: names, files and what is in them, choices of people, folders of others. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Hostile } from './corpus.ts';
import { asFileName, tinyModel, type World } from './world.ts';

/** One door by which text comes in. */
export type Sink = {
  /** Letters only: it stands in the mark of each string. */
  readonly name: string;
  /** Plants the strings by the door that a stranger would use. Throws when none of them was taken. */
  plant(world: World, planted: readonly Hostile[]): Promise<void>;
};

const ID_LENGTH_MAX = 200;

/** Throws unless at least this share of the answers were taken. */
export function mostWereTaken(what: string, statuses: readonly number[], share = 0.9): void {
  const taken = statuses.filter((status) => status < 400).length;
  const broken = statuses.filter((status) => status >= 500);
  if (broken.length > 0) throw new Error(`${what}: ${broken.length} answers were ${broken[0]}`);
  if (taken < statuses.length * share) throw new Error(`${what}: only ${taken} of ${statuses.length} were taken`);
}

/** The path of the file that was made for a string. */
function fileOf(world: World, { mark }: Hostile, index: number): string {
  const held = world.corpus('file')[index];
  return join(world.folder, 'models', asFileName(held?.text ?? mark, `-${index}-Q4_K_M.gguf`));
}

/** Names of models, names of their files, and what the files say of themselves. */
export const MODELS: Sink = {
  name: 'name',
  async plant(world, planted) {
    mkdirSync(join(world.folder, 'models'));
    const templates = world.corpus('template');
    const facts = world.corpus('fact');
    const statuses: number[] = [];
    for (const [index, hostile] of planted.entries()) {
      const path = fileOf(world, hostile, index);
      const fact = facts[index]?.text ?? '';
      await tinyModel(path, {
        'general.name': fact,
        'general.description': fact,
        'general.license': fact,
        'tokenizer.chat_template': templates[index]?.text ?? '',
        // Every third is of an architecture that nobody knows.
        ...(index % 3 === 0 ? { 'general.architecture': fact.slice(0, 80) } : {}),
      });
      const name = hostile.text.slice(0, ID_LENGTH_MAX);
      statuses.push((await world.flow.json('/api/register-local', { path, name })).status);
    }
    mostWereTaken('models', statuses, 1);
  },
};

/** Ids of the models that carry these marks, in the order of the strings. */
export async function idsOf(world: World, planted: readonly Hostile[]): Promise<readonly string[]> {
  const { body } = await world.flow.json('/api/tags');
  const ids = Array.isArray(body.models) ? body.models.map((model) => String(model.name)) : [];
  return planted.flatMap(({ mark }) => ids.find((id) => id.includes(mark)) ?? []);
}

async function configure(world: World, what: string, patchOf: (index: number) => object): Promise<void> {
  const ids = await idsOf(world, world.corpus('name'));
  const statuses: number[] = [];
  for (const [index, id] of ids.entries()) {
    const path = `/api/models/${encodeURIComponent(id)}/config`;
    statuses.push((await world.flow.json(path, patchOf(index), 'PUT')).status);
  }
  mostWereTaken(what, statuses);
}

export const ALIASES: Sink = {
  name: 'alias',
  plant: (world, planted) =>
    configure(world, 'aliases', (index) => ({ aliases: [planted[index]?.text.slice(0, ID_LENGTH_MAX)] })),
};

export const VARIANTS: Sink = {
  name: 'variant',
  plant: (world, planted) =>
    configure(world, 'variants', (index) => ({
      variants: [{ name: planted[index]?.text.slice(0, ID_LENGTH_MAX), behaviour: { temperature: 1 } }],
    })),
};

/** Words that are handed to templates and engines, with names of their own. */
export const CHOICES: Sink = {
  name: 'choice',
  plant: (world, planted) =>
    configure(world, 'choices', (index) => {
      const text = planted[index]?.text ?? '';
      const key = text.slice(0, 100);
      return { chat_template_kwargs: { [key]: text }, forced: { [key]: text }, stripped: [key] };
    }),
};

export const PRESETS: Sink = {
  name: 'preset',
  async plant(world, planted) {
    const statuses: number[] = [];
    for (const { text } of planted) {
      const config = { chat_template_kwargs: { [text.slice(0, 100)]: text } };
      statuses.push((await world.flow.json('/api/presets', { name: text.slice(0, 100), config })).status);
    }
    mostWereTaken('presets', statuses);
  },
};

/** Folders and files of other programs, as discovery finds them. */
export const FOLDERS: Sink = {
  name: 'folder',
  async plant({ home }, planted) {
    const flat = join(home, '.cache', 'llama.cpp');
    const nested = join(home, '.lmstudio', 'models');
    mkdirSync(flat, { recursive: true });
    for (const [index, { text }] of planted.entries()) {
      await tinyModel(join(flat, asFileName(text, `-${index}.gguf`)));
      if (index % 4 !== 0) continue;
      const deep = join(nested, asFileName(text, ''), asFileName(text, `-${index}`));
      mkdirSync(deep, { recursive: true });
      await tinyModel(join(deep, asFileName(text, '-Q8_0.gguf')));
    }
  },
};

/** What stands in settings, as far as they take text. */
export const SETTINGS: Sink = {
  name: 'setting',
  async plant({ flow }, planted) {
    const texts = planted.map(({ text }) => text);
    const patches = [
      { allowed_hosts: texts.slice(0, 50).map((text) => text.slice(0, 253)) },
      { cors_origins: texts.slice(0, 50).map((text) => text.slice(0, 300)) },
      { model_roots: texts.slice(50, 100).map((text) => `/${text}`.slice(0, 4000)) },
      { default_model: texts[0]?.slice(0, 200) },
      { helper_model: texts[40]?.slice(0, 200) },
      { engine_choice: texts[41] },
    ];
    const answers = await Promise.all(patches.map((patch) => flow.json('/api/settings', patch, 'PATCH')));
    // Hosts and origins may be refused for what they are; folders and names may be anything.
    mostWereTaken(
      'settings',
      answers.map(({ status }) => status),
      0.3,
    );
  },
};
