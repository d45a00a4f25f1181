/** The Response resource: all of its fields, since strict clients want each of them present. */
import type { AnswerHead } from '#src/dialects/dialect.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { responseId } from './history.ts';
import type { Asked } from './request.ts';

/** The part that changes while an answer comes. */
export type Progress = {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  readonly completed_at: number | null;
  readonly error: JsonObject | null;
  readonly incomplete_details: JsonObject | null;
  readonly output: readonly JsonObject[];
  readonly usage: JsonObject | null;
};

/** The part that stays the same: what the request asked for, as OpenAI repeats it. */
export function resourceBase(head: AnswerHead, { body, previousId, store }: Asked): JsonObject {
  return {
    id: responseId(head.requestId),
    object: 'response',
    created_at: head.createdS,
    access_programs: null,
    background: false,
    frequency_penalty: body.frequency_penalty ?? 0,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    metadata: body.metadata ?? {},
    model: head.modelId,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    presence_penalty: body.presence_penalty ?? 0,
    previous_response_id: previousId,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: reasoningOf(body.reasoning),
    safety_identifier: body.safety_identifier ?? null,
    service_tier: 'default',
    store: store ?? true,
    temperature: body.temperature ?? 1,
    text: textOf(body.text),
    tool_choice: body.tool_choice ?? 'auto',
    tools: Array.isArray(body.tools) ? body.tools.map(completed) : [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
    ...(typeof body.user === 'string' ? { user: body.user } : {}),
  };
}

/** The resource at one moment. */
export function resource(base: JsonObject, progress: Progress): JsonObject {
  return { ...base, ...progress };
}

function reasoningOf(value: unknown): JsonObject {
  const given = isObject(value) ? value : {};
  return { ...given, effort: given.effort ?? null, summary: given.summary ?? null };
}

function textOf(value: unknown): JsonObject {
  const given = isObject(value) ? value : {};
  return { ...given, format: given.format ?? { type: 'text' } };
}

/** Strict clients want these three fields of a function, even when they say nothing. */
function completed(tool: unknown): unknown {
  if (!isObject(tool) || tool.type !== 'function') return tool;
  return {
    ...tool,
    description: tool.description ?? null,
    parameters: tool.parameters ?? null,
    strict: tool.strict ?? null,
  };
}
