/** Where hostile text comes in with requests: who asks, for what, what engines answer, say on the way, and die of. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FakeStart } from '#test/support/fake-engine-behaviour.ts';
import { until } from '#test/support/running-flow.ts';
import { mostWereTaken, type Sink } from './model-sinks.ts';
import { tinyModel, type World } from './world.ts';

/** Models of the fake engine, each with one way to misbehave. */
const ROLES = ['plain', 'speaker', 'caller', 'refuser', 'crasher'] as const;
export type Role = (typeof ROLES)[number];

const QUIET = { tokens: 2 };

/** Registers the models, and tells the engine what each of them says. */
export async function cast(world: World): Promise<void> {
  const texts = (sink: string) => world.corpus(sink).map(({ text }) => text);
  const crash = [...texts('log'), 'ggml_abort: <b pwned>qreason000q'].join('\n');
  const behaviour: Readonly<Record<Role, FakeStart>> = {
    plain: { request: QUIET },
    speaker: {
      request: {
        thinking: texts('thought').map((text) => `${text}\n\n`),
        pieces: texts('answer').map((text) => `${text}\n\n`),
      },
    },
    caller: { request: { deltas: world.corpus('call').map(({ text }, index) => callOf(text, index)) } },
    refuser: { request: { status: 400, body: { error: { message: texts('refusal').join(' ~ ') } } } },
    crasher: { exit: { code: 1, stderr: crash } },
  };
  world.engine.behave({
    request: QUIET,
    models: Object.fromEntries(ROLES.map((role) => [`${role}.gguf`, behaviour[role]])),
  });
  mkdirSync(join(world.folder, 'cast'));
  for (const role of ROLES) {
    const path = join(world.folder, 'cast', `${role}.gguf`);
    await tinyModel(path);
    mostWereTaken(role, [(await world.flow.json('/api/register-local', { path, name: role })).status], 1);
  }
}

function callOf(text: string, index: number): object {
  const made = { name: text, arguments: JSON.stringify({ [text]: text, deep: [text] }) };
  return { tool_calls: [{ index, id: `call_${index}${text}`, type: 'function', function: made }] };
}

/** One request; the answer is read to its end. */
export async function ask(
  { flow }: World,
  model: string,
  { client = 'test', ...more }: { readonly client?: string } & Readonly<Record<string, unknown>> = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const body = { model, messages: [{ role: 'user', content: 'Go on.' }], ...more };
  const response = await fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': client },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

/** What a header can carry of a string, so that a client's name has its mark. */
function asHeader(mark: string, text: string): string {
  return `${mark}${text.replace(/[^\x21-\x7e\xa1-\xff]|[/(]/g, '')}`.slice(0, 200);
}

/** Names of clients. */
export const CLIENTS: Sink = {
  name: 'client',
  async plant(world, planted) {
    const answers = await inTurns(planted, ({ mark, text }) => ask(world, 'plain', { client: asHeader(mark, text) }));
    mostWereTaken(
      'clients',
      answers.map(({ status }) => status),
      1,
    );
  },
};

/** Names of models that nobody has. */
export const WISHES: Sink = {
  name: 'wish',
  async plant(world, planted) {
    const answers = await inTurns(planted, ({ text }) => ask(world, text.slice(0, 300)));
    if (answers.some(({ status }) => status !== 404)) throw new Error('a model that does not exist was found');
  },
};

/** What an engine says when it refuses. */
export const REFUSALS: Sink = {
  name: 'refusal',
  async plant(world, planted) {
    const answers = await inTurns(planted, ({ text }) =>
      ask(world, 'plain', { fake: { status: 400, body: { error: { message: text, type: text, code: 400 } } } }),
    );
    if (answers.some(({ status }) => status !== 400)) throw new Error('a refusal was not passed on');
  },
};

/** Calls that leak into the text of an answer, which Flow mends and writes down. */
export const LEAKS: Sink = {
  name: 'leak',
  async plant(world, planted) {
    const answers = await inTurns(planted, ({ text }) => {
      const call = JSON.stringify({ name: 'look', arguments: { [text]: text } });
      const parameters = { type: 'object', properties: { [text]: { type: 'string', description: text } } };
      const tools = [{ type: 'function', function: { name: 'look', description: text, parameters } }];
      return ask(world, 'plain', { tools, fake: { pieces: [`<tool_call>\n${call}\n</tool_call>`] } });
    });
    mostWereTaken(
      'leaks',
      answers.map(({ status }) => status),
    );
  },
};

/** Lines of an engine's log, and the reason of its end. */
export const LOGS: Sink = {
  name: 'log',
  async plant(world) {
    await ask(world, 'crasher');
    await until('the crash', async () => {
      const { body } = await world.flow.json('/api/fleet');
      return JSON.stringify(body).includes('qreason000q');
    });
  },
};

/** A few at a time, so that no queue is full and the order stays about that of the strings. */
async function inTurns<One, Answer>(all: readonly One[], act: (one: One) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let first = 0; first < all.length; first += 4) {
    answers.push(...(await Promise.all(all.slice(first, first + 4).map(act))));
  }
  return answers;
}
