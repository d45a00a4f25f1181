/** From a branch of a conversation to the request that asks for its next answer. Pure. */
import type { JsonObject } from '#src/json.ts';
import type { ChatSettings, Turn } from './turn.ts';

/** The one tool that may be offered, to see how a model calls; nobody carries it out. */
const TRIAL_TOOL = {
  type: 'function',
  function: {
    name: 'shell_command',
    description: 'Run a command in the shell of the user and return what it prints.',
    parameters: {
      type: 'object',
      properties: { command: { type: 'string', description: 'The command line' } },
      required: ['command'],
    },
  },
} as const;

/** Asks `model` for what follows `branch`; a branch that ends with an answer is gone on with. */
export function requestBody(branch: readonly Turn[], settings: ChatSettings, model: string): JsonObject {
  const system = settings.system.trim() === '' ? [] : [{ role: 'system', content: settings.system }];
  const goesOn = branch.at(-1)?.role === 'assistant';
  return {
    ...(model === '' ? {} : { model }),
    messages: [...system, ...branch.filter(isTold).map(messageOf)],
    stream: true,
    stream_options: { include_usage: true },
    ...(settings.temperature === null ? {} : { temperature: settings.temperature }),
    ...(settings.top_p === null ? {} : { top_p: settings.top_p }),
    ...(settings.max_tokens === null ? {} : { max_tokens: settings.max_tokens }),
    ...thinkingFields(goesOn ? 'off' : settings.thinking),
    ...(settings.tools ? { tools: [TRIAL_TOOL] } : {}),
  };
}

/** An answer of which nothing came is nothing that a model said. */
function isTold({ role, content, calls }: Turn): boolean {
  return role !== 'assistant' || content !== '' || calls.length > 0;
}

function messageOf(turn: Turn, index: number, turns: readonly Turn[]): JsonObject {
  switch (turn.role) {
    case 'user':
      return { role: 'user', content: turn.images.length === 0 ? turn.content : partsOf(turn) };
    case 'assistant':
      return {
        role: 'assistant',
        content: turn.content,
        ...(turn.calls.length === 0 ? {} : { tool_calls: callsOf(turn) }),
      };
    case 'tool':
      return { role: 'tool', content: turn.content, tool_call_id: turns[index - 1]?.calls[0]?.id ?? '' };
  }
}

function partsOf({ content, images }: Turn): readonly JsonObject[] {
  const pictures = images.map((url) => ({ type: 'image_url', image_url: { url } }));
  return content === '' ? pictures : [{ type: 'text', text: content }, ...pictures];
}

function callsOf({ calls }: Turn): readonly JsonObject[] {
  return calls.map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  }));
}

/** Templates have both names for it. */
function thinkingFields(thinking: ChatSettings['thinking']): JsonObject {
  if (thinking === 'auto') return {};
  const isOn = thinking === 'on';
  return { chat_template_kwargs: { enable_thinking: isOn, thinking: isOn } };
}
