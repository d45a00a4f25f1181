/** An Anthropic Messages request as the canonical chat request. */
import type { ChatRequest } from '#src/dialects/chat-request.ts';
import { invalid, listAt, nameAt, objectAt } from '#src/dialects/invalid.ts';
import { thinkingSwitch } from '#src/dialects/thinking-switch.ts';
import { isGiven, isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { type Findings, noFindings } from './findings.ts';
import { readMessages, readSystem } from './messages.ts';
import { readSchema, readTools } from './tools.ts';

/**
 * What a body of `/v1/messages` or `/v1/messages/count_tokens` says. `notes` tells in words what was left out of it.
 */
export type MessagesRequest = {
  readonly request: ChatRequest;
  readonly wantsStream: boolean;
  /** Its stop sequences. */
  readonly stops: readonly string[];
  readonly notes: readonly string[];
};

// Anthropic requires the field; local clients and token counting leave it out.
const OUTPUT_TOKENS_DEFAULT = 4096;
const SCHEMA_NAME = 'out';
/** Fields that promise something no local engine does; others unknown to us are ignored without a word. */
const UNKEPT_PROMISES = ['mcp_servers', 'container'];
// The engine's own words beside its last chunk: the only place where it tells which stop sequence was met.
const NAME_THE_STOP = { verbose: true, timings_per_token: false };
/** Clears what the client sends back anyway; templates forget old thoughts by themselves, so it is as good as kept. */
const CLEAR_THINKING = 'clear_thinking_20251015';

/** Reads a body. Throws Fault('invalid-request') that names the place. Unknown fields are ignored, never refused. */
export function readRequest(body: JsonObject): MessagesRequest {
  const findings = noFindings();
  const messages = [...readSystem(body.system, findings), ...readMessages(body.messages, findings)];
  if (messages.length === 0) throw invalid('messages', 'at least one with something to read is required');
  const tools = readTools(body.tools, body.tool_choice, findings);
  const stops = readStops(body);
  noteEdits(body.context_management, findings);
  for (const field of UNKEPT_PROMISES) {
    if (isPresent(body[field])) findings.notes.add(`${field} was left out: only Anthropic serves it`);
  }
  const wantsStream = readStream(body.stream);
  const request: ChatRequest = {
    ...(isGiven(body.model) ? { model: nameAt(body.model, 'model') } : {}),
    messages,
    ...tools,
    ...readLimits(body),
    ...(stops.length === 0 ? {} : { stop: stops, ...NAME_THE_STOP }),
    ...readSampling(body),
    ...readThinking(body, messages.at(-1)?.role === 'tool'),
    ...readFormat(body),
    stream: wantsStream,
  };
  return { request, wantsStream, stops, notes: [...findings.notes] };
}

function isPresent(value: unknown): boolean {
  return isGiven(value) && !(Array.isArray(value) && value.length === 0);
}

function readStream(stream: unknown): boolean {
  if (isGiven(stream) && typeof stream !== 'boolean') throw invalid('stream', 'true or false is required');
  return stream === true;
}

function readLimits(body: JsonObject): JsonObject {
  const outputTokens = body.max_tokens ?? OUTPUT_TOKENS_DEFAULT;
  if (typeof outputTokens !== 'number' || !Number.isInteger(outputTokens) || outputTokens < 1) {
    throw invalid('max_tokens', 'a whole number of at least 1 is required');
  }
  return { max_tokens: outputTokens };
}

/** Empty ones would end every answer at once. */
function readStops(body: JsonObject): readonly string[] {
  const stops = listAt(body.stop_sequences ?? [], 'stop_sequences');
  return stops.map((stop, index) => nameAt(stop, `stop_sequences.${index}`));
}

/** Edits of the conversation that Anthropic would make on its side. Agents that ask for them also work without. */
function noteEdits(management: unknown, findings: Findings): void {
  const edits: readonly unknown[] = isObject(management) && Array.isArray(management.edits) ? management.edits : [];
  for (const edit of edits) {
    const type = isObject(edit) ? stringOrNull(edit.type) : null;
    if (type === null || type === CLEAR_THINKING) continue;
    findings.notes.add(`context_management ${type} was left out: Flow changes no conversation by itself`);
  }
}

function readSampling(body: JsonObject): JsonObject {
  const given = ['temperature', 'top_p', 'top_k'].filter((field) => isGiven(body[field]));
  return Object.fromEntries(
    given.map((field) => {
      const value = body[field];
      if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(field, 'a number is required');
      return [field, value];
    }),
  );
}

/**
 * Thinking is off unless asked for: that is what absence means to Anthropic's clients, and their titles and summaries
 * would otherwise be thought about. Effort speaks of thinking alone in local templates, so it goes with it.
 */
function readThinking(body: JsonObject, isBetweenTools: boolean): JsonObject {
  const thinking = isGiven(body.thinking) ? objectAt(body.thinking, 'thinking') : { type: 'disabled' };
  switch (nameAt(thinking.type, 'thinking.type')) {
    case 'disabled':
      return thinkingSwitch(false);
    case 'enabled':
      return { ...thinkingSwitch(true), ...readBudget(thinking), ...readEffort(body) };
    case 'between_tools':
      return isBetweenTools ? { ...thinkingSwitch(true), ...readEffort(body) } : thinkingSwitch(false);
    // `adaptive`, and what may come after it.
    default:
      return { ...thinkingSwitch(true), ...readEffort(body) };
  }
}

function readBudget(thinking: JsonObject): JsonObject {
  const budget = thinking.budget_tokens;
  if (!isGiven(budget)) return {};
  if (typeof budget !== 'number' || !Number.isInteger(budget) || budget < 0) {
    throw invalid('thinking.budget_tokens', 'a whole number of at least 0 is required');
  }
  return { thinking_budget_tokens: budget };
}

function readEffort(body: JsonObject): JsonObject {
  const effort = isObject(body.output_config) ? stringOrNull(body.output_config.effort) : null;
  switch (effort) {
    case 'low':
    case 'medium':
    case 'high':
      return { reasoning_effort: effort };
    // Templates know three levels; what is more than high is high.
    case 'xhigh':
    case 'max':
      return { reasoning_effort: 'high' };
    default:
      return {};
  }
}

/** Structured output; `output_format` is the name the field had before it moved into `output_config`. */
function readFormat(body: JsonObject): JsonObject {
  const config = isObject(body.output_config) ? body.output_config : {};
  const place = isGiven(config.format) ? 'output_config.format' : 'output_format';
  const format = config.format ?? body.output_format;
  if (!isGiven(format)) return {};
  const { type, schema } = objectAt(format, place);
  if (type !== 'json_schema') throw invalid(`${place}.type`, 'json_schema is required');
  const json_schema = { name: SCHEMA_NAME, schema: readSchema(schema, `${place}.schema`), strict: true };
  return { response_format: { type: 'json_schema', json_schema } };
}
