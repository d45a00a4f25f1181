/** A command that asks as a request did, but for what was said. Pure. */
import type { RequestAccount } from '#src/requests/account.ts';

/** What callers write in the same way everywhere. */
const PLAIN = ['temperature', 'top_p', 'top_k', 'min_p', 'presence_penalty', 'frequency_penalty', 'seed'] as const;
const TEXT = 'Hello';

type Fields = Readonly<Record<string, unknown>>;

/** The command. No key is in it: the shell takes it from the environment. */
export function curlOf(account: RequestAccount, origin: string): string {
  return [
    `curl ${quoted(`${origin}${account.route}`)} \\`,
    `  -H 'content-type: application/json' -H "authorization: Bearer $FLOW_API_KEY" \\`,
    `  -d ${quoted(JSON.stringify(bodyOf(account)))}`,
  ].join('\n');
}

function bodyOf(account: RequestAccount): Fields {
  const { dialect, route, isStream: stream } = account;
  const model = account.wantedModel ?? account.modelId ?? '';
  const { max_tokens: limit, ...sampling } = chosen(account);
  const messages = [{ role: 'user', content: TEXT }];
  if (/embed/.test(route)) return { model, input: TEXT };
  if (/rerank/.test(route)) return { model, query: TEXT, documents: [TEXT] };
  if (dialect.startsWith('ollama')) return ollamaBody(account, model, { ...sampling, num_predict: limit });
  if (dialect === 'responses') return { model, stream, input: TEXT, ...sampling, max_output_tokens: limit };
  if (dialect === 'anthropic') return { model, max_tokens: limit ?? 512, stream, messages, ...sampling };
  const isPlain = !route.endsWith('/chat/completions');
  return { model, stream, ...(isPlain ? { prompt: TEXT } : { messages }), ...sampling, max_tokens: limit };
}

function ollamaBody({ route, isStream: stream }: RequestAccount, model: string, options: Fields): Fields {
  const said = route.endsWith('/generate') ? { prompt: TEXT } : { messages: [{ role: 'user', content: TEXT }] };
  const hasOptions = Object.values(options).some((value) => value !== undefined);
  return { model, stream, ...said, ...(hasOptions ? { options } : {}) };
}

/** What the caller itself chose; all else comes again by itself. */
function chosen({ parameters }: RequestAccount): Readonly<Record<string, unknown>> {
  const names: readonly string[] = [...PLAIN, 'max_tokens'];
  const own = Object.entries(parameters ?? {}).filter(
    ([name, [, source]]) => names.includes(name) && source === 'caller',
  );
  return Object.fromEntries(own.map(([name, [value]]) => [name, value]));
}

/** As one word of a shell, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
