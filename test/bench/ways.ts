/** The ways to ask the same engine: directly, through Flow in each protocol, through other gateways. */
import type { Gateway } from './gateways.ts';
import type { Order } from './load.ts';
import type { Rig } from './rig.ts';

/** Where and how to ask; what is said and how often comes later. */
export type Way = {
  readonly name: string;
  /** A request of this text and limit. */
  readonly target: (prompt: string, maxTokens: number) => Target;
  /** Whose CPU time is counted; null = nobody's. */
  readonly pid: number | null;
};

export type Target = Pick<Order, 'host' | 'port' | 'path' | 'headers' | 'body' | 'mark'>;

/** A name of the model under which nothing is mended, so that bytes pass and are only metered. */
export const VERBATIM = 'bench-verbatim';
/** What that name switches off. */
export const NO_REPAIRS = {
  leaked_calls: false,
  typed_arguments: false,
  think_tags: false,
  duplicate_calls: false,
  truncated_calls: false,
  engine_parser: false,
  loop_guard: false,
  tool_schemas: false,
  thinking_room: false,
};

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const CHAT_MARK = '"content":"';
const MESSAGES_MARK = '"text_delta"';
/** A tool, so that the repair of leaked calls listens. */
const TOOL = {
  name: 'look_up',
  description: 'Looks something up.',
  parameters: { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'] },
};

const chatOf = (model: string, content: string, maxTokens: number) => ({
  model,
  messages: [{ role: 'user', content }],
  stream: true,
  max_tokens: maxTokens,
});

/** Directly, verbatim, with repairs listening, translated; and the other gateways. */
export function mainWays(rig: Rig, gateways: readonly Gateway[]): Way[] {
  const all = everyWay(rig);
  const wanted = ['direct', 'flow, verbatim', 'flow', 'flow → anthropic'];
  return [...wanted.flatMap((name) => all.find((way) => way.name === name) ?? []), ...gateways.map(gatewayWay)];
}

/** The same request in every protocol of Flow, with what Flow does to it added bit by bit. */
export function everyWay(rig: Rig): Way[] {
  const port = Number(new URL(rig.flow.url).port);
  const through = (
    name: string,
    path: string,
    mark: string,
    bodyOf: (content: string, maxTokens: number) => object,
  ): Way => ({
    name,
    pid: rig.flow.pid,
    target: (prompt, maxTokens) => targetOf({ port, path, mark }, bodyOf(prompt, maxTokens)),
  });
  const chat = (content: string, max: number) => chatOf(rig.modelId, content, max);
  const bare = (content: string, max: number) => chatOf(VERBATIM, content, max);
  const { parameters, ...named } = TOOL;
  const chatTools = { tools: [{ type: 'function', function: TOOL }] };
  const tools = [{ ...named, input_schema: parameters }];
  return [
    directWay(rig),
    through('flow, verbatim', CHAT, CHAT_MARK, bare),
    through('flow', CHAT, CHAT_MARK, chat),
    through('flow, with tools', CHAT, CHAT_MARK, (content, max) => ({ ...chat(content, max), ...chatTools })),
    through('anthropic, unmended', MESSAGES, MESSAGES_MARK, bare),
    through('flow → anthropic', MESSAGES, MESSAGES_MARK, chat),
    through('anthropic, tools', MESSAGES, MESSAGES_MARK, (content, max) => ({ ...chat(content, max), tools })),
    through('flow → responses', '/v1/responses', 'event: response.output_text.delta', (input, max) => ({
      ...{ model: rig.modelId, input, stream: true, store: false, max_output_tokens: max },
    })),
    through('flow → ollama', '/api/chat', '"done":false', (content, max) => ({ ...chat(content, max), options: {} })),
  ];
}

/** The engine itself. */
export function directWay(rig: Rig): Way {
  const headers = { authorization: `Bearer ${rig.engineKey}` };
  return {
    name: 'direct',
    pid: null,
    target: (prompt, maxTokens) => ({
      ...targetOf({ port: rig.enginePort, path: CHAT, mark: CHAT_MARK }, chatOf(rig.modelId, prompt, maxTokens)),
      headers,
    }),
  };
}

function gatewayWay({ name, url, model, headers }: Gateway): Way {
  return {
    name,
    pid: null,
    target: (prompt, maxTokens) => {
      const place = {
        port: Number(url.port || 80),
        path: `${url.pathname.replace(/\/+$/, '')}${CHAT}`,
        mark: CHAT_MARK,
      };
      return { ...targetOf(place, chatOf(model, prompt, maxTokens)), host: url.hostname, headers };
    },
  };
}

function targetOf({ port, path, mark }: { port: number; path: string; mark: string }, body: object): Target {
  return { host: '127.0.0.1', port, path, headers: {}, body: JSON.stringify(body), mark };
}
