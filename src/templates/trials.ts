/** The conversations that a template is tried with. Each carries words that occur nowhere else, to be looked for. */
import type { JsonObject } from '#src/json.ts';

/** Words to look for in what was rendered; letters alone, so that no kind of quoting changes them. */
export const WORDS = {
  system: 'qzsystemone',
  secondSystem: 'qzsystemtwo',
  user: 'qzuserone',
  secondUser: 'qzusertwo',
  answer: 'qzansweringone',
  thought: 'qzthoughtone',
  tool: 'qzgetweather',
  toolDescription: 'qzdescribesthetool',
  parameter: 'qzcityname',
  parameterValue: 'qzparis',
  secondValue: 'qzoslo',
  result: 'qzsunny',
  secondResult: 'qzrainy',
} as const;

/** Text whose characters some templates escape. */
const MARKED_TEXT = `${WORDS.user} <tag> & "quoted" 'single'`;
const SHORT_CALL_ID = 'abcDEF123';
const SECOND_CALL_ID = 'ghiJKL456';
const LONG_CALL_ID = 'call_0123456789abcdefghij';

export type TrialName =
  | 'question'
  | 'question-only'
  | 'marked'
  | 'history'
  | 'system'
  | 'second-system'
  | 'late-system'
  | 'users'
  | 'tools'
  | 'tools-alone'
  | 'call'
  | 'call-as-text'
  | 'call-long-id'
  | 'call-null-content'
  | 'calls'
  | 'list-content'
  | 'null-calls'
  | 'empty-calls'
  | 'thinking-on'
  | 'thinking-off'
  | 'thought'
  | 'thought-call';

/** One rendering: what stands in the template's world beside Jinja's own. */
export type Trial = { readonly name: TrialName; readonly variables: JsonObject };

/** What the model's tokenizer calls its first and last token. */
export type SpecialTokens = { readonly begin: string; readonly end: string };

type Message = { readonly role: string; readonly content: unknown } & JsonObject;

const TOOL = {
  type: 'function',
  function: {
    name: WORDS.tool,
    description: WORDS.toolDescription,
    parameters: {
      type: 'object',
      properties: {
        [WORDS.parameter]: { type: 'string', description: 'Name of the city' },
        days: { type: 'integer', description: 'How many days' },
      },
      required: [WORDS.parameter],
    },
  },
} as const;

const system = said('system', WORDS.system);
const user = said('user', WORDS.user);
const secondUser = said('user', WORDS.secondUser);
const answer = said('assistant', WORDS.answer);
const result = { role: 'tool', tool_call_id: SHORT_CALL_ID, name: WORDS.tool, content: WORDS.result };

/** All of them. `isListed` gives every text as a list of one part, for templates that want nothing else. */
export function trials(tokens: SpecialTokens, isListed: boolean): readonly Trial[] {
  const trial = (name: TrialName, messages: readonly Message[], more: JsonObject = {}): Trial => ({
    name,
    variables: {
      messages: isListed ? messages.map(listed) : messages,
      add_generation_prompt: true,
      bos_token: tokens.begin,
      eos_token: tokens.end,
      ...more,
    },
  });
  const tools = { tools: [TOOL] };
  return [
    trial('question', [user]),
    trial('question-only', [user], { add_generation_prompt: false }),
    trial('marked', [said('user', MARKED_TEXT)]),
    trial('history', [user, answer, secondUser]),
    trial('system', [system, user]),
    trial('second-system', [system, said('system', WORDS.secondSystem), user]),
    trial('late-system', [system, user, answer, said('system', WORDS.secondSystem), secondUser]),
    trial('users', [user, secondUser]),
    trial('tools', [system, user], tools),
    trial('tools-alone', [user], tools),
    trial('call', [user, calling(SHORT_CALL_ID, argumentsOf(WORDS.parameterValue)), result], tools),
    trial(
      'call-as-text',
      [user, calling(SHORT_CALL_ID, JSON.stringify(argumentsOf(WORDS.parameterValue))), result],
      tools,
    ),
    trial(
      'call-long-id',
      [user, calling(LONG_CALL_ID, argumentsOf(WORDS.parameterValue)), withId(LONG_CALL_ID)],
      tools,
    ),
    trial(
      'call-null-content',
      [user, { ...calling(SHORT_CALL_ID, argumentsOf(WORDS.parameterValue)), content: null }, result],
      tools,
    ),
    trial('calls', twoCalls(), tools),
    trial('list-content', [listed(user)]),
    trial('null-calls', [user, { ...answer, tool_calls: null }, secondUser], tools),
    trial('empty-calls', [user, { ...answer, tool_calls: [] }, secondUser], tools),
    trial('thinking-on', [user], { enable_thinking: true, thinking: true }),
    trial('thinking-off', [user], { enable_thinking: false, thinking: false }),
    trial('thought', [user, { ...answer, reasoning_content: WORDS.thought }, secondUser]),
    trial(
      'thought-call',
      [user, { ...calling(SHORT_CALL_ID, argumentsOf('qz')), reasoning_content: WORDS.thought }, result],
      tools,
    ),
  ];
}

function said(role: string, content: string): Message {
  return { role, content };
}

function listed(message: Message): Message {
  const { content } = message;
  return typeof content === 'string' ? { ...message, content: [{ type: 'text', text: content }] } : message;
}

function argumentsOf(city: string): JsonObject {
  return { [WORDS.parameter]: city, days: 2 };
}

function calling(id: string, given: unknown): Message {
  return { role: 'assistant', content: '', tool_calls: [call(id, given)] };
}

function call(id: string, given: unknown): JsonObject {
  return { id, type: 'function', function: { name: WORDS.tool, arguments: given } };
}

function withId(id: string): Message {
  return { ...result, tool_call_id: id };
}

function twoCalls(): readonly Message[] {
  const both = [
    call(SHORT_CALL_ID, argumentsOf(WORDS.parameterValue)),
    call(SECOND_CALL_ID, argumentsOf(WORDS.secondValue)),
  ];
  return [
    user,
    { role: 'assistant', content: '', tool_calls: both },
    result,
    { ...withId(SECOND_CALL_ID), content: WORDS.secondResult },
  ];
}
