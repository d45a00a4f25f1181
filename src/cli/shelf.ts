/** `flow add`, `flow rm`, `flow undo`, `flow alias`: which models there are, and what they are called. */
import { resolve } from 'node:path';
import { Fault } from '#src/faults.ts';
import { isObject, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT, print } from './command.ts';
import { localProof } from './local-proof.ts';
import { objects, resolvedId } from './models.ts';
import { safe } from './terminal.ts';

const word = (value: unknown): string => safe(stringOrNull(value) ?? '');
const addressOf = (id: string): string => `/api/models/${encodeURIComponent(id)}`;

/** `flow add`: one file or folder where it lies, or all that is new in the models folder. */
export const addCommand: Command = {
  name: 'add',
  usage: '[PATH]',
  summary: 'Register a GGUF file or MLX folder where it lies; without a path, all that is new in the models folder',
  examples: ['flow add ~/models/qwen3-8b-q4_k_m.gguf', 'flow add ./my-mlx-model --name mine', 'flow add'],
  options: { name: { type: 'string' } },
  positionals: [0, 1],
  async run(context) {
    const [given] = context.positionals;
    if (given === undefined) return scanned(context);
    const body = { path: resolve(given), ...(context.flags.name === undefined ? {} : { name: context.flags.name }) };
    // Shows that this is the user whom Flow runs for: then it may be any file that this user can read.
    const answer = await context.api.json('POST', '/api/register-local', body, localProof(context));
    const isKnown = answer.status === 'already_registered';
    print(context, answer, () => `${word(answer.model_id)} is ${isKnown ? 'registered already' : 'registered'}.\n`);
    return EXIT.ok;
  },
};

async function scanned(context: Context): Promise<number> {
  const answer = await context.api.json('POST', '/api/models/scan', {});
  const found = objects(answer.found).map(({ id }) => `${word(id)} is registered.\n`);
  const skipped = objects(answer.skipped).map(({ path, reason }) => `${word(path)}: ${word(reason)}\n`);
  print(context, answer, () => (found.length === 0 ? 'Nothing new in the models folder.\n' : found.join('')));
  if (!context.isJson) context.terminal.say(skipped.join(''));
  return EXIT.ok;
}

/** `flow rm`: off the list, and to the trash if Flow put it there. */
export const rmCommand: Command = {
  name: 'rm',
  usage: 'MODEL',
  summary: 'Remove a model; files that Flow downloaded go to the trash for ten minutes',
  examples: ['flow rm qwen3', 'flow rm qwen3 --keep-files', 'flow undo          brings it back'],
  options: { 'keep-files': { type: 'boolean' } },
  positionals: [1, 1],
  async run(context) {
    const id = await exactId(context);
    const files = context.flags['keep-files'] === true ? 'keep' : 'delete';
    const answer = await context.api.json('DELETE', `${addressOf(id)}?files=${files}`);
    print(context, answer, () => {
      const where = answer.files === 'deleted' ? 'its files are in the trash' : 'its files stay where they are';
      const needed = objects(answer.kept_files).map(({ path }) => `${word(path)} stays: another model needs it.\n`);
      const undo = isObject(answer.undo) ? `"flow undo ${word(answer.undo.token)}" brings it back.\n` : '';
      return `${safe(id)} is off the list; ${where}.\n${needed.join('')}${undo}`;
    });
    return EXIT.ok;
  },
};

/** A part of a name is not enough where something is taken away. */
async function exactId({ api, positionals }: Context): Promise<string> {
  const [name = ''] = positionals;
  const id = await resolvedId({ api }, name);
  const model = await api.json('GET', addressOf(id));
  const names = [id, ...(Array.isArray(model.aliases) ? model.aliases : [])].map((one) => String(one).toLowerCase());
  if (names.includes(name.toLowerCase())) return id;
  throw new Fault('model-not-found', `No model is called "${name}".`, { hint: `Did you mean "flow rm ${id}"?` });
}

/** `flow undo`: the model that was removed last, or the one that is named. */
export const undoCommand: Command = {
  name: 'undo',
  usage: '[TOKEN]',
  summary: 'Bring back the model that was removed last, or the one of this token, with its files and settings',
  examples: ['flow undo', 'flow undo 0f8fad5b-d9cb-469f-a165-70867728950e'],
  positionals: [0, 1],
  async run(context) {
    const token = context.positionals[0] ?? (await lastToken(context));
    const answer = await context.api.json('POST', '/api/models/undo', { token });
    print(context, answer, () => `${word(answer.model_id)} is back.\n`);
    return EXIT.ok;
  },
};

async function lastToken({ api }: Context): Promise<string> {
  const { entries } = await api.json('GET', '/api/trash');
  const token = stringOrNull(objects(entries).at(-1)?.token);
  if (token !== null) return token;
  throw new Fault('not-found', 'No model was removed within the last ten minutes.');
}

/** `flow alias`: shows a model's further names, gives it more, or takes them away. */
export const aliasCommand: Command = {
  name: 'alias',
  usage: 'MODEL [NAME...]',
  summary: 'Give a model further names; --remove takes them away, no name shows them',
  examples: ['flow alias qwen3-8b-q4_k_m fast', 'flow alias fast', 'flow alias qwen3-8b-q4_k_m fast --remove'],
  options: { remove: { type: 'boolean' } },
  positionals: [1, 21],
  async run(context) {
    const [model = '', ...names] = context.positionals;
    const id = await resolvedId(context, model);
    const shown = await context.api.json('GET', addressOf(id));
    const before = Array.isArray(shown.aliases) ? shown.aliases.flatMap((name) => stringOrNull(name) ?? []) : [];
    const isNamed = (alias: string): boolean => names.some((name) => name.toLowerCase() === alias.toLowerCase());
    const kept = before.filter((alias) => !isNamed(alias));
    const after = context.flags.remove === true ? kept : [...kept, ...names];
    if (names.length > 0) await context.api.json('PUT', `${addressOf(id)}/config`, { aliases: after });
    print(context, { model_id: id, aliases: after }, () =>
      after.length === 0 ? `${safe(id)} has no further name.\n` : `${after.map((name) => safe(name)).join('\n')}\n`,
    );
    return EXIT.ok;
  },
};
