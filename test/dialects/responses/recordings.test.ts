// Requests that Codex, opencode and pi really sent (free text shortened): all are understood, and a later turn repeats
// the earlier one byte for byte after normalising, which is what the engine's prefix cache lives on.
import { describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { normaliseMessages } from '#src/dialects/normalise.ts';
import { readRequest } from '#src/dialects/responses/request.ts';
import type { JsonObject } from '#src/json.ts';
import { mapMemory } from '#test/support/map-memory.ts';

const folder = join(import.meta.dir, '../../fixtures/requests/responses');
const rules = { stripAttribution: true, hasVision: false };

async function canonical(name: string) {
  const body: JsonObject = await Bun.file(join(folder, `${name}.json`)).json();
  const { request, wantsStream, notes, asked } = readRequest(body, mapMemory());
  const { request: normalised, changes } = normaliseMessages(request, rules);
  return { body, request: normalised, wantsStream, notes: [...notes, ...changes], asked };
}

const toolNames = (request: { tools?: readonly { function: { name: string } }[] }) =>
  (request.tools ?? []).map((tool) => tool.function.name);

describe('every recorded request', () => {
  for (const file of readdirSync(folder).sort()) {
    test(`${file} is understood`, async () => {
      const { request, wantsStream, asked } = await canonical(file.replace('.json', ''));
      expect(wantsStream).toBe(true);
      expect(asked.store).toBe(false);
      expect(request.messages[0]?.role).toBe('system');
      expect(request.messages.slice(1).every((message) => message.role !== 'system')).toBe(true);
      expect(request.messages.every((message) => typeof message.content === 'string')).toBe(true);
      const wire = JSON.stringify(request);
      for (const word of ['encrypted_content', 'prompt_cache_key', 'client_metadata', '$schema', 'input_text']) {
        expect(wire).not.toContain(word);
      }
    });
  }
});

describe('the next turn repeats the one before', () => {
  for (const [first, second] of [
    ['codex.1', 'codex.2'],
    ['opencode.2', 'opencode.3'],
    ['pi.1', 'pi.2'],
  ] as const) {
    test(`${first} begins ${second}`, async () => {
      const [before, after] = await Promise.all([canonical(first), canonical(second)]);
      const { messages, tools } = before.request;
      expect(JSON.stringify(after.request.messages.slice(0, messages.length))).toBe(JSON.stringify(messages));
      expect(after.request.messages.length).toBeGreaterThan(messages.length);
      expect(JSON.stringify(after.request.tools)).toBe(JSON.stringify(tools));
    });
  }
});

describe('what each request means', () => {
  test('Codex: functions, a flattened namespace, and no web search', async () => {
    const { request, notes } = await canonical('codex.1');
    expect(toolNames(request)).toEqual(expect.arrayContaining(['exec_command', 'multi_agent_v1__close_agent']));
    expect(notes).toEqual(['the tool web_search was left out: a local model has none']);
    expect(request.tool_choice).toBe('auto');
    expect(request).not.toHaveProperty('chat_template_kwargs');
    expect(request.messages.map(({ role }) => role)).toEqual(['system', 'user']);
  });

  test('Codex’s second turn: thought, words, call and result', async () => {
    const { request } = await canonical('codex.2');
    const [answer, result] = request.messages.slice(-2);
    expect(answer).toMatchObject({
      role: 'assistant',
      content: 'Hello from the mock.',
      reasoning_content: 'I think about it.',
    });
    expect(answer?.tool_calls?.[0]).toMatchObject({ id: 'call_mock001', function: { name: 'exec_command' } });
    expect(result).toMatchObject({ role: 'tool', tool_call_id: 'call_mock001' });
  });

  test('Codex’s tools inside the input', async () => {
    const { request } = await canonical('codex-additional-tools.1');
    expect(toolNames(request)).toEqual(expect.arrayContaining(['functions__exec', 'clock__sleep']));
    expect(request.reasoning_effort).toBe('medium');
  });

  test('Codex’s output schema', async () => {
    const { request } = await canonical('codex-schema.1');
    expect(request.response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'codex_output_schema', strict: true },
    });
  });

  test('Codex’s image leaves a note in its place for a model without vision', async () => {
    const { request, notes } = await canonical('codex-image.1');
    expect(request.messages.at(-1)?.content).toContain('[image omitted: the model has no vision]');
    expect(notes).toContain('images left out: the model has no vision');
  });
});
