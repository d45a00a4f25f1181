/** `flow external`: engines that somebody else started: which run, which are connected, connect, disconnect. */
import { Fault } from '#src/faults.ts';
import { type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT, print } from './command.ts';
import { objects } from './models.ts';
import { safe, table } from './terminal.ts';

const KEY_BYTES_MAX = 10_000;

/** The command; with nothing it lists. */
export const externalCommand: Command = {
  name: 'external',
  usage: '[connect URL | disconnect MODEL | scan]',
  summary: 'Use engines that run already, here or on another machine, without starting or stopping them',
  examples: [
    'flow external',
    'flow external scan',
    'flow external connect http://127.0.0.1:8080',
    'flow external connect http://127.0.0.1:11434 --model qwen3:8b',
    'flow external connect https://llm.example.org --model big --key-stdin < key.txt',
    'flow external disconnect qwen3:8b',
  ],
  options: { model: { type: 'string' }, name: { type: 'string' }, 'key-stdin': { type: 'boolean' } },
  positionals: [0, 2],
  async run(context) {
    const [verb = 'list', subject] = context.positionals;
    if (verb === 'list' && subject === undefined) return list(context, await context.api.json('GET', '/api/external'));
    if (verb === 'scan' && subject === undefined) {
      return list(context, await context.api.json('POST', '/api/external/scan', {}));
    }
    if (verb === 'connect' && subject !== undefined) return connect(context, subject);
    if (verb === 'disconnect' && subject !== undefined) return disconnect(context, subject);
    throw new Fault('invalid-request', 'Usage: flow external [connect URL | disconnect MODEL | scan]', {
      hint: 'See "flow external --help".',
    });
  },
};

async function connect(context: Context, url: string): Promise<number> {
  const { model, name } = context.flags;
  const key = context.flags['key-stdin'] === true ? await keyFromInput() : null;
  const answer = await context.api.json('POST', '/api/connect-external', {
    base_url: url,
    ...(typeof model === 'string' ? { model_id: model } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(key === null ? {} : { api_key: key }),
  });
  print(context, answer, () => {
    const room = `${numberOrNull(answer.slots) ?? '?'} × ${numberOrNull(answer.context_length) ?? '?'} tokens`;
    return `${said(answer.model_id)}: ${said(answer.product)} at ${said(answer.base_url)}, ${room}.\n`;
  });
  return EXIT.ok;
}

async function disconnect(context: Context, modelId: string): Promise<number> {
  const { connected } = await context.api.json('GET', '/api/external');
  const found = objects(connected).find((one) => stringOrNull(one.model_id)?.toLowerCase() === modelId.toLowerCase());
  if (!found) {
    throw new Fault('not-found', `"${modelId}" is not the model of an engine that somebody else started.`, {
      hint: 'See "flow external".',
    });
  }
  const path = `/api/models/${encodeURIComponent(said(found.model_id))}?files=keep`;
  const answer = await context.api.json('DELETE', path);
  print(context, answer, () => `Disconnected ${said(found.model_id)}; its engine goes on.\n`);
  return EXIT.ok;
}

function list(context: Context, answer: JsonObject): number {
  const { columns } = context.terminal;
  print(context, answer, () => {
    const connected = objects(answer.connected).map((one) => [
      said(one.model_id),
      said(one.base_url),
      said(one.engine),
      one.is_reachable === true ? 'reachable' : 'gone',
      said(one.since),
    ]);
    const offers = objects(answer.offers).map((one) => [
      said(one.base_url),
      said(one.product),
      one.wants_key === true ? 'wants a key' : namesOf(one.models),
    ]);
    const hint = answer.is_scanning === true ? 'Looking for engines that run; ask again in a moment.\n' : '';
    return [
      connected.length === 0
        ? 'Nothing is connected.\n'
        : table(['MODEL', 'ADDRESS', 'ENGINE', 'STATE', 'SINCE'], connected, columns),
      offers.length === 0 ? hint : `\nRunning, not connected:\n${table(['ADDRESS', 'IS', 'MODELS'], offers, columns)}`,
    ].join('');
  });
  return EXIT.ok;
}

/** Never as an argument: those show in the list of processes and in the shell's history. */
async function keyFromInput(): Promise<string> {
  const text = await Bun.stdin.text();
  const key = text.length > KEY_BYTES_MAX ? '' : text.trim();
  if (key === '') throw new Fault('invalid-request', 'There is no key on standard input.');
  return key;
}

function namesOf(models: unknown): string {
  return objects(models)
    .map(({ name }) => said(name))
    .join(', ');
}

const said = (value: unknown): string => safe(stringOrNull(value) ?? '–');
