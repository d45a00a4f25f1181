// Requests that Claude Code, opencode and pi really sent (free text shortened): all are understood, and a later turn
// repeats
// the earlier one byte for byte after normalising, which is what the engine's prefix cache lives on.
import { describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRequest } from '#src/dialects/anthropic/request.ts';
import { normaliseMessages } from '#src/dialects/normalise.ts';
import type { JsonObject } from '#src/json.ts';

const folder = join(import.meta.dir, '../../fixtures/requests/anthropic');
const ATTRIBUTION = 'the attribution line was left out (strip_attribution): it spoils the prompt cache';
const rules = { stripAttribution: true, hasVision: false };

async function canonical(name: string) {
  const body: JsonObject = await Bun.file(join(folder, `${name}.json`)).json();
  const { request, wantsStream, notes } = readRequest(body);
  const { request: normalised, changes } = normaliseMessages(request, rules);
  return { body, request: normalised, wantsStream, notes: [...notes, ...changes] };
}

const toolNames = (request: { tools?: readonly { function: { name: string } }[] }) =>
  (request.tools ?? []).map((tool) => tool.function.name);

describe('every recorded request', () => {
  for (const file of readdirSync(folder).sort()) {
    test(`${file} is understood`, async () => {
      const { request, wantsStream } = await canonical(file.replace('.json', ''));
      expect(wantsStream).toBe(true);
      expect(request.messages.slice(1).every((message) => message.role !== 'system')).toBe(true);
      const wire = JSON.stringify(request);
      for (const word of ['cache_control', 'x-anthropic-billing-header', '$schema', 'defer_loading', 'user_id']) {
        expect(wire).not.toContain(word);
      }
      expect(request.messages.every((message) => typeof message.content === 'string')).toBe(true);
      expect(toolNames(request)).not.toContain('DeferredToolPlaceholder');
    });
  }
});

describe('the next turn repeats the one before', () => {
  const turns: readonly [first: string, second: string][] = [
    ['claude-code-tool.1', 'claude-code-tool.2'],
    ['claude-code-opus.1', 'claude-code-opus.2'],
    ['claude-code-agent.1', 'claude-code-agent.3'],
    ['claude-code-haiku.1', 'claude-code-haiku.2'],
    ['claude-code-image.1', 'claude-code-image.2'],
    ['claude-code-schema.1', 'claude-code-schema.2'],
    ['claude-code-nothink.1', 'claude-code-nothink.2'],
    ['claude-code-pdf.1', 'claude-code-pdf.2'],
    ['claude-code-legacy.1', 'claude-code-legacy.2'],
    ['claude-code-toolsearch.1', 'claude-code-toolsearch.2'],
    ['claude-code-websearch.1', 'claude-code-websearch.3'],
    ['opencode.2', 'opencode.3'],
    ['pi.1', 'pi.2'],
  ];
  for (const [first, second] of turns) {
    test(`${first} begins ${second}`, async () => {
      const [before, after] = await Promise.all([canonical(first), canonical(second)]);
      const messages = before.request.messages;
      expect(JSON.stringify(after.request.messages.slice(0, messages.length))).toBe(JSON.stringify(messages));
      expect(after.request.messages.length).toBeGreaterThan(messages.length);
      const tools = before.request.tools ?? [];
      expect(JSON.stringify((after.request.tools ?? []).slice(0, tools.length))).toBe(JSON.stringify(tools));
    });
  }
});

describe('what each request means', () => {
  test('Claude Code: one system message, the environment in it, and adaptive thinking', async () => {
    const { request, notes } = await canonical('claude-code-tool.1');
    expect(request.messages.map((message) => message.role)).toEqual(['system', 'user']);
    expect(request.chat_template_kwargs).toEqual({ enable_thinking: true, thinking: true });
    expect(request.reasoning_effort).toBe('high');
    expect(request.max_tokens).toBe(32_000);
    expect(notes).toEqual([ATTRIBUTION]);
  });

  test('Claude Code’s second turn: thought, call and result', async () => {
    const { request } = await canonical('claude-code-tool.2');
    const [, , answer, result] = request.messages;
    expect(answer).toMatchObject({
      role: 'assistant',
      content: 'Hello from the mock.',
      reasoning_content: 'I think about it.',
    });
    expect(answer?.tool_calls?.[0]).toMatchObject({ id: 'mock001', function: { name: 'Bash' } });
    expect(result).toEqual({ role: 'tool', tool_call_id: 'mock001', content: 'flow-mock-42' });
  });

  test('thinking that is not asked for is off', async () => {
    for (const name of ['claude-code-nothink.1', 'claude-code-websearch.2', 'opencode.3']) {
      expect((await canonical(name)).request.chat_template_kwargs).toEqual({ enable_thinking: false, thinking: false });
    }
  });

  test('the older model ids send a budget', async () => {
    const { request } = await canonical('claude-code-haiku.1');
    expect(request.thinking_budget_tokens).toBe(8_000);
    expect(request.chat_template_kwargs).toEqual({ enable_thinking: true, thinking: true });
  });

  test('an image and a PDF leave notes in their places for a model without vision', async () => {
    const pictured = await canonical('claude-code-image.2');
    expect(pictured.request.messages.at(-1)?.content).toBe('[image omitted: the model has no vision]');
    expect(pictured.notes).toEqual([ATTRIBUTION, 'images left out: the model has no vision']);
    const printed = await canonical('claude-code-pdf.2');
    expect(printed.request.messages.at(-1)?.content).toEndWith(
      '\n[PDF omitted. Its text can be read with a tool such as pdftotext.]',
    );
    expect(printed.notes).toHaveLength(2);
  });

  test('a tool search adds its tools at the end', async () => {
    const before = toolNames((await canonical('claude-code-toolsearch.1')).request);
    const { request } = await canonical('claude-code-toolsearch.2');
    expect(toolNames(request)).toEqual([...before, 'WebFetch', 'WebSearch']);
    expect(request.messages.at(-1)?.content).toBe('Tool WebFetch is now available.\nTool WebSearch is now available.');
  });

  test('the built-in web search is left out and said so', async () => {
    const { request, notes } = await canonical('claude-code-websearch.2');
    expect(request.tools).toBeUndefined();
    expect(request.tool_choice).toBeUndefined();
    expect(notes).toEqual([
      'the tool web_search was left out: web_search_20250305 runs at Anthropic only',
      ATTRIBUTION,
    ]);
  });
});
