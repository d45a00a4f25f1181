/** `flow run`: a question, or a conversation, in the terminal. */
import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Fault, type FaultKind } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT, wholeNumber } from './command.ts';
import { eventData } from './event-data.ts';
import { faultIn } from './gateway-api.ts';
import { objects } from './models.ts';
import { safe } from './terminal.ts';
import { wordsOf } from './trouble.ts';

type Turn = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string };

/** Text piped in is bounded: a prompt beyond this fits no model. */
const STDIN_BYTES_MAX = 32 << 20;
const LEAVE = new Set(['/bye', '/exit', '/quit']);
/** After these the next question would fare no better. */
const FINAL: ReadonlySet<FaultKind> = new Set(['model-not-found', 'unauthorized', 'forbidden', 'shutting-down']);

/** `flow run`: the answer on stdout, thinking and remarks on stderr. */
export const runCommand: Command = {
  name: 'run',
  usage: 'MODEL [PROMPT]',
  summary: 'Ask a model once, or chat when there is no prompt; reads the prompt from stdin when piped',
  examples: ['flow run flow-demo "hello"', 'git diff | flow run qwen3 "Review this:"', 'flow run flow-demo'],
  options: { system: { type: 'string' }, 'max-tokens': { type: 'string' } },
  positionals: [1, 1_000],
  async run(context) {
    const [model = '', ...words] = context.positionals;
    const chat = { context, model, maxTokens: wholeNumber(context, 'max-tokens') };
    const prompt = [words.join(' '), await pipedText(context.signal)].filter((part) => part !== '').join('\n\n');
    if (context.signal.aborted) return EXIT.interrupted;
    if (prompt !== '') return askOnce(chat, prompt);
    if (process.stdin.isTTY === true && !context.isJson) return converse(chat);
    throw new Fault('invalid-request', 'There is no prompt.', { hint: 'Give it after the model, or pipe it in.' });
  },
};

type Chat = { readonly context: Context; readonly model: string; readonly maxTokens: number | null };

/** What a pipe or a file brings; nothing for a terminal and for /dev/null. */
async function pipedText(signal: AbortSignal): Promise<string> {
  const input = fstatSync(0);
  if (!input.isFIFO() && !input.isFile() && !input.isSocket()) return '';
  const { promise: aborted, resolve } = Promise.withResolvers<string>();
  signal.addEventListener('abort', () => resolve(''), { once: true });
  return Promise.race([readInput(), aborted]);
}

async function readInput(): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of Bun.stdin.stream()) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > STDIN_BYTES_MAX) {
      throw new Fault('too-large', `The piped prompt is larger than ${STDIN_BYTES_MAX >> 20} MiB.`);
    }
  }
  return text.trim();
}

async function askOnce(chat: Chat, prompt: string): Promise<number> {
  const { api, terminal, isJson, signal } = chat.context;
  const turns: readonly Turn[] = [{ role: 'user', content: prompt }];
  try {
    if (isJson) {
      const response = await api.open('POST', '/v1/chat/completions', bodyOf(chat, turns, false), signal);
      terminal.out(`${JSON.stringify(await response.json(), null, 2)}\n`);
    } else await answerTo(chat, turns, signal);
  } catch (cause) {
    if (!signal.aborted) throw cause;
  }
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}

/** Ctrl-C stops the answer; at the prompt, it leaves, as Ctrl-D does. */
async function converse(chat: Chat): Promise<number> {
  const { terminal, signal } = chat.context;
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const leaving = new AbortController();
  const turns: Turn[] = [];
  let answering: AbortController | null = null;
  reader.on('SIGINT', () => (answering ?? leaving).abort());
  reader.on('close', () => leaving.abort());
  const left = AbortSignal.any([leaving.signal, signal]);
  terminal.say('Ctrl-C stops an answer; /bye or Ctrl-D leaves.\n');
  try {
    while (!left.aborted) {
      const line = (await reader.question('> ', { signal: left })).trim();
      if (LEAVE.has(line)) break;
      if (line === '') continue;
      answering = new AbortController();
      const answer = await heard(chat, [...turns, { role: 'user', content: line }], answering.signal, left);
      answering = null;
      // What got no answer is not part of the conversation: the next question would follow a question.
      if (answer !== '') turns.push({ role: 'user', content: line }, { role: 'assistant', content: answer });
    }
  } catch (cause) {
    // The question is aborted when its reader leaves.
    if (!left.aborted) throw cause;
  } finally {
    reader.close();
  }
  terminal.say('\n');
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}

/** The text that came, also when it was stopped or broke off. */
async function heard(chat: Chat, turns: readonly Turn[], stop: AbortSignal, left: AbortSignal): Promise<string> {
  const signal = AbortSignal.any([stop, left]);
  let text = '';
  try {
    await answerTo(chat, turns, signal, (part) => {
      text += part;
    });
  } catch (cause) {
    if (signal.aborted) chat.context.terminal.out('\n');
    else if (cause instanceof Fault && !FINAL.has(cause.kind)) chat.context.terminal.say(wordsOf(cause));
    else throw cause;
  }
  return text;
}

function bodyOf({ context, model, maxTokens }: Chat, turns: readonly Turn[], isStream: boolean): JsonObject {
  const system = stringOrNull(context.flags.system);
  return {
    model,
    stream: isStream,
    messages: [...(system ? [{ role: 'system', content: system }] : []), ...turns],
    ...(maxTokens === null ? {} : { max_tokens: maxTokens }),
  };
}

/** Streams one answer to stdout, its thinking to stderr. Rejects with a Fault, also in the midst of it. */
async function answerTo(
  chat: Chat,
  turns: readonly Turn[],
  signal: AbortSignal,
  onText: (text: string) => void = () => {},
): Promise<void> {
  const { api, terminal } = chat.context;
  const response = await api.open('POST', '/v1/chat/completions', bodyOf(chat, turns, true), signal);
  const isDimmed = terminal.isInteractive && terminal.hasColor;
  let isThinking = false;
  let finish: string | null = null;
  for await (const event of eventData(response)) {
    if (!isObject(event)) continue;
    if (isObject(event.error)) throw faultIn(event.error, 500) ?? new Fault('internal', 'The answer broke off.');
    const [choice] = objects(event.choices);
    const delta = isObject(choice?.delta) ? choice.delta : {};
    const thought = safe(stringOrNull(delta.reasoning_content) ?? '');
    if (thought !== '') terminal.say(isDimmed ? `\u001b[2m${thought}\u001b[0m` : thought);
    const text = stringOrNull(delta.content) ?? '';
    if (text !== '' && isThinking) terminal.say('\n\n');
    isThinking = text === '' && (isThinking || thought !== '');
    onText(text);
    terminal.out(safe(text));
    finish = stringOrNull(choice?.finish_reason) ?? finish;
  }
  terminal.out('\n');
  if (finish === 'length') terminal.say('(The answer was cut at the limit of tokens.)\n');
}
