/** `flow run`: a question, or a conversation, in the terminal. */
import { createInterface } from 'node:readline/promises';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT } from './command.ts';
import { objects } from './models.ts';

type Turn = { readonly role: 'user' | 'assistant'; readonly content: string };

/** Text piped in is bounded: a prompt beyond this fits no model. */
const STDIN_BYTES_MAX = 32 << 20;

export const runCommand: Command = {
  name: 'run',
  usage: 'MODEL [PROMPT]',
  summary: 'Chat with a model; reads the prompt from stdin when piped',
  examples: ['flow run flow-demo "hello"', 'git diff | flow run qwen3 "Review this:"', 'flow run flow-demo'],
  options: { system: { type: 'string' }, 'max-tokens': { type: 'string' } },
  positionals: [1, 100],
  async run(context) {
    const [model = '', ...words] = context.positionals;
    const piped = process.stdin.isTTY === true ? '' : await readStdin();
    const prompt = [words.join(' '), piped].filter((part) => part !== '').join('\n\n');
    if (prompt !== '') {
      await ask(context, model, [{ role: 'user', content: prompt }], context.signal);
      return context.signal.aborted ? EXIT.interrupted : EXIT.ok;
    }
    return converse(context, model);
  },
};

async function readStdin(): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of Bun.stdin.stream()) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > STDIN_BYTES_MAX) break;
  }
  return text.trim();
}

/** Ctrl-C stops the answer; at the prompt it leaves. */
async function converse(context: Context, model: string): Promise<number> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const turns: Turn[] = [];
  let answering: AbortController | null = null;
  reader.on('SIGINT', () => (answering ? answering.abort() : reader.close()));
  try {
    for (;;) {
      const line = (await reader.question('> ')).trim();
      if (line === '/bye' || line === '/exit') return EXIT.ok;
      if (line === '') continue;
      turns.push({ role: 'user', content: line });
      answering = new AbortController();
      const answer = await ask(context, model, turns, answering.signal);
      answering = null;
      turns.push({ role: 'assistant', content: answer });
    }
  } catch (cause) {
    // readline rejects the question when its input ends or is closed: that is the user leaving.
    if (cause instanceof Error && cause.name === 'AbortError') return EXIT.ok;
    throw cause;
  } finally {
    reader.close();
  }
}

/** Streams one answer to stdout (thinking dimmed on stderr); returns its text. */
async function ask(context: Context, model: string, turns: readonly Turn[], signal: AbortSignal): Promise<string> {
  const system = stringOrNull(context.flags.system);
  const maxTokens = Number(context.flags['max-tokens']);
  const body = {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: [...(system ? [{ role: 'system', content: system }] : []), ...turns],
    ...(Number.isInteger(maxTokens) && maxTokens > 0 ? { max_tokens: maxTokens } : {}),
  };
  let answer = '';
  try {
    const response = await context.api.open('POST', '/v1/chat/completions', body, signal);
    for await (const event of frames(response)) {
      if (context.isJson) context.terminal.out(`${JSON.stringify(event)}\n`);
      if (isObject(event.error)) throw new Error(stringOrNull(event.error.message) ?? 'The answer broke off.');
      const [choice] = objects(event.choices);
      const delta = isObject(choice?.delta) ? choice.delta : {};
      const thought = stringOrNull(delta.reasoning_content);
      if (thought && !context.isJson)
        context.terminal.say(context.terminal.hasColor ? `\u001b[2m${thought}\u001b[0m` : thought);
      const text = stringOrNull(delta.content) ?? '';
      answer += text;
      if (!context.isJson) context.terminal.out(text);
    }
  } catch (cause) {
    if (!signal.aborted) throw cause;
  }
  if (!context.isJson) context.terminal.out('\n');
  return answer;
}

/** The JSON of each `data:` line until `[DONE]`. */
async function* frames(response: Response): AsyncGenerator<JsonObject> {
  let rest = '';
  const decoder = new TextDecoder();
  if (!response.body) return;
  for await (const bytes of response.body) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const data = line.slice(5).trim();
      if (data === '[DONE]') return;
      const value: unknown = JSON.parse(data);
      if (isObject(value)) yield value;
    }
  }
}
