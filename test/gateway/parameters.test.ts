/** What is recorded of a request's parameters, and who chose them. How they come about: test/behaviour. */
import { describe, expect, test } from 'bun:test';
import { askedParameters, type Said } from '#src/gateway/parameters.ts';
import type { JsonObject } from '#src/json.ts';
import { EMPTY_CONFIG } from '#src/models/model.ts';

const NOBODY: Omit<Said, 'caller'> = { behaviour: {}, model: { config: EMPTY_CONFIG }, variant: null };

const asked = (body: JsonObject, parts: Partial<Said> = {}) =>
  askedParameters(body, { ...NOBODY, caller: body, ...parts });

describe('what is in effect', () => {
  const cases: readonly (readonly [string, JsonObject, Record<string, string | number | boolean>])[] = [
    ['nothing', {}, {}],
    [
      'numbers by one name',
      { repeat_penalty: 1.1, max_completion_tokens: 9 },
      { repetition_penalty: 1.1, max_tokens: 9 },
    ],
    ['zero is a value, null is none', { temperature: 0, top_p: null }, { temperature: 0 }],
    ['what is not a number is not kept', { temperature: 'hot', seed: Number.NaN, top_k: [1] }, {}],
    [
      'a switch in the words of the template',
      { chat_template_kwargs: { enable_thinking: false } },
      { thinking: false },
    ],
    ['an effort by name', { reasoning_effort: 'high' }, { reasoning_effort: 'high' }],
    ['a made-up effort is not repeated', { reasoning_effort: 'my secret' }, { reasoning_effort: 'other' }],
    ['stop strings by their number', { stop: ['my secret', 'b'] }, { stop: 2 }],
    ['one stop string', { stop: 'my secret' }, { stop: 1 }],
    [
      'tools by their number',
      { tools: [{}, {}], tool_choice: { function: { name: 'secret' } } },
      { tools: 2, tool_choice: 'one tool' },
    ],
    [
      'a form by its kind',
      { response_format: { type: 'json_schema', json_schema: {} } },
      { response_format: 'JSON schema' },
    ],
    ['a grammar by its kind', { grammar: 'root ::= "secret"' }, { response_format: 'grammar' }],
    [
      'messages and images by their number',
      { messages: [{ content: 'secret' }, { content: [{ type: 'image_url' }, { type: 'text', text: 'secret' }] }] },
      { messages: 2, images: 1 },
    ],
  ];
  test.each(cases)('%s', (_name, body, expected) => {
    const found = asked(body);
    expect(Object.fromEntries(Object.entries(found).map(([name, [value]]) => [name, value]))).toEqual(expected);
    expect(JSON.stringify(found)).not.toContain('secret');
  });
});

describe('who chose it', () => {
  const behaviour = { temperature: 0.6, top_k: 20, forced: { min_p: 0.1 } };
  const model = { config: { ...EMPTY_CONFIG, variants: [{ name: 'precise', behaviour: { top_k: 20 } }] } };
  const sent = { temperature: 0.2, max_tokens: 100 };
  const effective = { temperature: 0.2, top_k: 20, min_p: 0.1, max_tokens: 2_148 };

  test('the caller, the model, what wins over the caller, and Flow', () => {
    expect(asked(effective, { caller: sent, behaviour, model })).toEqual({
      temperature: [0.2, 'caller'],
      top_k: [20, 'model'],
      min_p: [0.1, 'forced'],
      max_tokens: [2_148, 'flow'],
    });
  });

  test('the variant that was asked for, where the value is its own', () => {
    const { top_k } = asked(effective, { caller: sent, behaviour, model, variant: 'precise' });
    expect(top_k).toEqual([20, 'variant']);
    const { temperature } = asked({ temperature: 0.6 }, { caller: {}, behaviour, model, variant: 'precise' });
    expect(temperature).toEqual([0.6, 'model']);
  });
});
