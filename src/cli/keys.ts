/** `flow keys`: who else may use this Flow, and for what: list, create, change, revoke. */
import { Fault } from '#src/faults.ts';
import { type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT, print, wholeNumber } from './command.ts';
import { localProof } from './local-proof.ts';
import { objects } from './models.ts';
import { safe, table } from './terminal.ts';

const PATH = '/api/keys';
const DAY_MS = 86_400_000;
const NO_LIMIT = 'none';

/** The command; with nothing it lists. The user whom Flow runs for needs no key to use it. */
export const keysCommand: Command = {
  name: 'keys',
  usage: '[create NAME | change NAME | revoke NAME]',
  summary: 'Keys for others and for agents: what each may do, with which models, and how much',
  examples: [
    'flow keys',
    'flow keys create laptop',
    'flow keys create phone --model qwen3-4b --rpm 30 --tokens-per-day 200000',
    'flow keys create boss --scope infer,manage --expires 90d',
    'flow keys change phone --model all --name tablet',
    'flow keys revoke laptop',
  ],
  options: {
    name: { type: 'string' },
    scope: { type: 'string' },
    model: { type: 'string' },
    rpm: { type: 'string' },
    'tokens-per-day': { type: 'string' },
    expires: { type: 'string' },
  },
  positionals: [0, 2],
  async run(context) {
    const [verb = 'list', name] = context.positionals;
    if (verb === 'list' && name === undefined) return list(context);
    if (verb === 'create' && name !== undefined) return create(context, name);
    if (verb === 'change' && name !== undefined) return change(context, name);
    if (verb === 'revoke' && name !== undefined) return revoke(context, name);
    throw new Fault('invalid-request', `Usage: flow keys ${keysCommand.usage}`, { hint: 'See "flow keys --help".' });
  },
};

async function list(context: Context): Promise<number> {
  const answer = await context.api.json('GET', PATH, undefined, localProof(context));
  const rows = objects(answer.keys).map((key) => [
    said(key.name),
    said(key.key),
    wordsOf(key.scopes),
    key.models === null ? 'all' : wordsOf(key.models),
    limitsOf(key),
    key.is_expired === true ? 'expired' : dayOf(key.expires_at, 'never'),
    lastUseOf(key),
  ]);
  const heads = ['NAME', 'KEY', 'MAY', 'MODELS', 'LIMITS', 'ENDS', 'LAST USE'];
  const empty = 'Nobody has a key. "flow keys create NAME" makes one.\n';
  print(context, answer, () => (rows.length === 0 ? empty : table(heads, rows, context.terminal.columns)));
  return EXIT.ok;
}

async function create(context: Context, name: string): Promise<number> {
  const wish = { ...wishOf(context), name };
  const answer = await context.api.json('POST', PATH, wish, localProof(context));
  // The key alone on stdout, so that a script can take it.
  print(context, answer, () => `${said(answer.secret)}\n`);
  if (!context.isJson) {
    context.terminal.say(`The key "${said(answer.name)}", shown this once: Flow keeps only its SHA-256.\n`);
  }
  return EXIT.ok;
}

async function change(context: Context, name: string): Promise<number> {
  const { name: renamed } = context.flags;
  const wish = { ...wishOf(context), ...(typeof renamed === 'string' ? { name: renamed } : {}) };
  if (Object.keys(wish).length === 0) {
    throw new Fault('invalid-request', 'Say what to change.', { hint: 'See "flow keys --help".' });
  }
  const answer = await context.api.json('PATCH', `${PATH}/${encodeURIComponent(name)}`, wish, localProof(context));
  print(context, answer, () => {
    const models = answer.models === null ? 'all models' : wordsOf(answer.models);
    return `${said(answer.name)} may ${wordsOf(answer.scopes)}: ${models}, ${limitsOf(answer)}.\n`;
  });
  return EXIT.ok;
}

async function revoke(context: Context, name: string): Promise<number> {
  const path = `${PATH}/${encodeURIComponent(name)}`;
  const answer = await context.api.json('DELETE', path, undefined, localProof(context));
  print(context, answer, () => `Revoked "${said(answer.name)}"; what was opened with it has ended.\n`);
  return EXIT.ok;
}

/** What the flags ask for. Throws Fault('invalid-request'). */
function wishOf(context: Context): JsonObject {
  const { scope, model, expires } = context.flags;
  return {
    ...(typeof scope === 'string' ? { scopes: listOf(scope) } : {}),
    ...(typeof model === 'string' ? { models: model === 'all' ? null : listOf(model) } : {}),
    ...limit(context, 'rpm', 'requests_per_minute'),
    ...limit(context, 'tokens-per-day', 'tokens_per_day'),
    ...(typeof expires === 'string' ? { expires_at: endOf(expires) } : {}),
  };
}

function listOf(text: string): readonly string[] {
  const words = text.split(',').map((word) => word.trim());
  return words.filter((word) => word !== '');
}

function limit(context: Context, flag: string, field: string): JsonObject {
  if (context.flags[flag] === NO_LIMIT) return { [field]: null };
  const value = wholeNumber(context, flag);
  return value === null ? {} : { [field]: value };
}

/** `90d`, `12h`, a date, or `never`. */
function endOf(text: string): string | null {
  if (text === 'never') return null;
  const [, count, unit] = /^(\d{1,5})([dh])$/.exec(text) ?? [];
  if (count === undefined) return text;
  return new Date(Date.now() + Number(count) * (unit === 'd' ? DAY_MS : DAY_MS / 24)).toISOString();
}

function limitsOf(key: JsonObject): string {
  const [perMinute, perDay] = [numberOrNull(key.requests_per_minute), numberOrNull(key.tokens_per_day)];
  const words = [
    ...(perMinute === null ? [] : [`${perMinute}/min`]),
    ...(perDay === null ? [] : [`${numberOrNull(key.tokens_today) ?? 0} of ${perDay} tokens today`]),
  ];
  return words.length === 0 ? 'no limit' : words.join(', ');
}

function lastUseOf(key: JsonObject): string {
  const parts = [stringOrNull(key.last_client), stringOrNull(key.last_used_from)].filter((part) => part !== null);
  return [dayOf(key.last_used_at, 'never'), ...parts.map(safe)].join(', ');
}

function dayOf(value: unknown, absent: string): string {
  return stringOrNull(value)?.slice(0, 16).replace('T', ' ') ?? absent;
}

function wordsOf(values: unknown): string {
  return Array.isArray(values) ? values.map(said).join(', ') : '–';
}

const said = (value: unknown): string => safe(stringOrNull(value) ?? '–');
