/** `flow import`: takes over what other programs were set up with, after showing it. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT, print } from './command.ts';
import { localProof } from './local-proof.ts';
import { objects } from './models.ts';
import { bytes, safe, table } from './terminal.ts';

/** Configurations that the gateway can read. */
const SOURCES = ['flow-python', 'llama-swap', 'llama-server'];
/** Folders of models, which are registered where they are. */
const PLACES = ['huggingface', 'llama.cpp', 'lm-studio', 'ollama'];

/** The command; with nothing it lists what was found. */
export const importCommand: Command = {
  name: 'import',
  usage: '[SOURCE] [PATH]',
  summary: 'Take over models and settings of other programs, in place; --dry-run only shows them',
  examples: [
    'flow import',
    'flow import llama-swap --dry-run',
    'flow import llama-server ~/models/preset.ini',
    'flow import flow-python',
    'flow import ollama',
  ],
  options: { 'dry-run': { type: 'boolean' }, yes: { type: 'boolean', short: 'y' } },
  positionals: [0, 2],
  async run(context) {
    const [first, second] = context.positionals;
    if (first === undefined) return list(context);
    if (PLACES.includes(first) && second === undefined) return registerPlace(context, first);
    const { source, path } = meant(first, second);
    const body = { source, ...(path === null ? {} : { path }) };
    // Shows that this is the user whom Flow runs for: a file that is named may name any other.
    const proof = localProof(context);
    const preview = await context.api.json('POST', '/api/imports', { ...body, dry_run: true }, proof);
    if (context.flags['dry-run'] === true) {
      print(context, preview, () => reportText(preview, context.terminal.columns));
      return EXIT.ok;
    }
    const wish = await wishOf(context, () => reportText(preview, context.terminal.columns));
    if (wish === 'no') return nothing(context);
    const report = await context.api.json('POST', '/api/imports', { ...body, dry_run: false }, proof);
    const words = () => (wish === 'yes' ? 'Done.\n' : reportText(report, context.terminal.columns));
    print(context, report, words);
    return objects(report.models).some(({ outcome }) => outcome === 'refused') ? EXIT.failed : EXIT.ok;
  },
};

/** A source by its name, or a path that tells by its ending whose it is. */
function meant(first: string, second: string | undefined): { source: string; path: string | null } {
  if (SOURCES.includes(first)) return { source: first, path: second === undefined ? null : resolve(second) };
  if (second === undefined && existsSync(first)) {
    const path = resolve(first);
    if (/\.ya?ml$/i.test(path)) return { source: 'llama-swap', path };
    if (/\.ini$/i.test(path)) return { source: 'llama-server', path };
    if (/\.db(?:\.bad-\d+)?$/.test(path) || statSync(path).isDirectory()) return { source: 'flow-python', path };
  }
  throw new Fault('invalid-request', `flow import does not know "${first}".`, {
    hint: `It knows ${[...SOURCES, ...PLACES].join(', ')}, and files ending in .yaml, .ini or .db.`,
  });
}

async function list(context: Context): Promise<number> {
  const { found } = await context.api.json('GET', '/api/imports');
  const { models } = await context.api.json('GET', '/api/discovery');
  const sources = objects(found);
  const places = PLACES.map((place) => {
    const here = objects(models).filter((model) => model.place === place);
    return { source: place, models: here.length, registered: here.filter(({ model_id }) => model_id !== null).length };
  }).filter((place) => place.models > 0);
  print(context, { found: sources, places }, () => {
    const rows = [
      ...sources.map(({ source, path }) => [text(source), text(path)]),
      ...places.map(({ source, models: count, registered }) => [source, `${count} models, ${registered} registered`]),
    ];
    if (rows.length === 0) return 'Nothing to import was found in the usual places. Name a file: flow import FILE\n';
    return `${table(['SOURCE', 'FOUND'], rows, context.terminal.columns)}Take one over: flow import SOURCE [--dry-run]\n`;
  });
  return EXIT.ok;
}

async function registerPlace(context: Context, place: string): Promise<number> {
  const { models } = await context.api.json('GET', '/api/discovery');
  const fresh = objects(models).filter((model) => model.place === place && model.model_id === null);
  const shown = () =>
    fresh.length === 0
      ? `Nothing of ${place} is left to register.\n`
      : table(
          ['NAME', 'SIZE', 'PATH'],
          fresh.map(({ name, size_bytes, path }) => [
            text(name),
            bytes(typeof size_bytes === 'number' ? size_bytes : null),
            text(path),
          ]),
          context.terminal.columns,
        );
  if (fresh.length === 0 || context.flags['dry-run'] === true) {
    print(context, fresh, shown);
    return EXIT.ok;
  }
  if ((await wishOf(context, shown)) === 'no') return nothing(context);
  const answer = await context.api.json('POST', '/api/discovery', { paths: fresh.map(({ path }) => text(path)) });
  const results = objects(answer.results);
  print(context, results, () =>
    table(
      ['MODEL', 'OUTCOME'],
      results.map(({ model_id, status, message, path }) => [
        stringOrNull(model_id) ?? text(path),
        stringOrNull(message) ?? text(status),
      ]),
      context.terminal.columns,
    ),
  );
  return results.some(({ status }) => status === 'refused') ? EXIT.failed : EXIT.ok;
}

/** Asks only where somebody can answer, after showing what it asks about. */
async function wishOf(context: Context, shown: () => string): Promise<'yes' | 'no' | 'unasked'> {
  const { flags, terminal, isJson, signal } = context;
  if (flags.yes === true || isJson || !terminal.isInteractive || !process.stdin.isTTY) return 'unasked';
  terminal.say(shown());
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^\s*n/i.test(await reader.question('Take this over? [Y/n] ', { signal })) ? 'no' : 'yes';
  } catch {
    // Ctrl-C is an answer too.
    return 'no';
  } finally {
    reader.close();
  }
}

function nothing({ terminal }: Context): number {
  terminal.say('Nothing was changed.\n');
  return EXIT.ok;
}

function reportText(report: JsonObject, columns: number | null): string {
  const models = objects(report.models);
  const presets = objects(report.presets);
  const settings = isObject(report.settings) ? Object.entries(report.settings) : [];
  const left = objects(report.not_taken);
  return [
    `From ${safe(text(report.path))}:\n`,
    models.length === 0
      ? 'No model can be taken over.\n'
      : table(
          ['MODEL', 'OUTCOME', 'ALSO CALLED', 'STARTED WITH'],
          models.map((model) => [text(model.id), text(model.outcome), names(model), started(model.launch)]),
          columns,
        ),
    ...presets.map(({ name, outcome }) => `preset ${safe(text(name))}: ${text(outcome)}\n`),
    ...settings.map(([name, value]) => `setting ${name}: ${safe(JSON.stringify(value))}\n`),
    ...(left.length === 0 ? [] : ['Not taken:\n']),
    ...left.map(({ what, why }) => `  ${safe(text(what))}: ${safe(text(why))}\n`),
  ].join('');
}

function names({ aliases, variants }: JsonObject): string {
  const all = [...(Array.isArray(aliases) ? aliases : []), ...objects(variants).map(({ name }) => name)];
  return all.length === 0 ? '–' : all.map(text).join(', ');
}

function started(launch: unknown): string {
  const entries = isObject(launch) ? Object.entries(launch) : [];
  const words = entries.map(([name, value]) => (Array.isArray(value) ? value.join(' ') : `${name} ${String(value)}`));
  return words.length === 0 ? '–' : words.join(', ');
}

const text = (value: unknown): string => stringOrNull(value) ?? '–';
