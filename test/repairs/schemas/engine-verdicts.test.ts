/**
 * What llama-server makes of schemas, by itself and after relaxing: one line of probes.jsonl each. `engine` and `flow`
 * are the arguments that the demo model is led to by the grammar, or `refused` (400), or `broken` (a 500 after the
 * grammar let through what is no JSON). A new engine that takes more, or takes it otherwise, is noticed here.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatTool } from '#src/dialects/chat-request.ts';
import type { Json } from '#src/json.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { relaxAnswerSchema, relaxTools } from '#src/repairs/relax-tools.ts';
import { type EngineProcess, startEngine } from '#test/support/engine-process.ts';

type Probe = {
  name: string;
  /** The schema of the one property; or else of all arguments. */
  property?: Json;
  parameters?: Json;
  engine: string;
  flow: string;
  /** What the header would say. */
  relaxed: string;
};

const PROBES: readonly Probe[] = readFileSync(join(import.meta.dir, 'probes.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
/** Long enough for the slowest grammar of the table on a busy machine; what never ends does not end by then either. */
const HANG_MS = 1_500;

let folder: string;
let model: string;
let engine: EngineProcess;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-verdicts-'));
  model = join(folder, 'demo.gguf');
  await makeDemoModel(model);
  engine = await startEngine(model, ['-c', '16384', '-np', '1']);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const toolOf = (name: string, parameters: Json): ChatTool => ({
  type: 'function',
  function: { name, description: 'd', parameters },
});
const parametersOf = ({ property, parameters }: Pick<Probe, 'property' | 'parameters'>): Json =>
  parameters !== undefined ? parameters : { type: 'object', properties: { x: property }, required: ['x'] };

function ask(baseUrl: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${baseUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ temperature: 0, max_tokens: 60, messages: [{ role: 'user', content: 'hello' }], ...body }),
    ...(signal ? { signal } : {}),
  });
}

async function verdictOn(tools: readonly ChatTool[]): Promise<string> {
  const response = await ask(engine.baseUrl, { tools, tool_choice: 'required' });
  if (response.status >= 400) return response.status < 500 ? 'refused' : 'broken';
  const answer = await response.json();
  return answer.choices[0].message.tool_calls[0].function.arguments;
}

describe('a schema', () => {
  for (const probe of PROBES) {
    test(`${probe.name}: ${probe.engine} by the engine, ${probe.flow} through Flow`, async () => {
      const raw = [toolOf('probe', parametersOf(probe))];
      const { tools, relaxations } = relaxTools(raw);
      expect(await verdictOn(raw)).toBe(probe.engine);
      expect(await verdictOn(tools)).toBe(probe.flow);
      expect(relaxations.map((what) => what.replace('probe.', '')).join('; ')).toBe(probe.relaxed);
    });
  }

  test('of an answer is relaxed by the same rules', async () => {
    const schema = parametersOf({ property: { type: 'string', pattern: '\\d+' } });
    const format = (relaxed: unknown) => ({ type: 'json_schema', json_schema: { name: 'n', schema: relaxed } });
    const relaxed = relaxAnswerSchema(schema, 'response_format');
    expect((await ask(engine.baseUrl, { response_format: format(schema) })).status).toBe(400);
    expect((await ask(engine.baseUrl, { response_format: format(relaxed.schema) })).status).toBe(200);
    expect(relaxed.relaxations).toEqual(['response_format.x: pattern']);
  });
});

describe('tools whose definitions have one name', () => {
  const item = (type: string): Json => ({
    type: 'object',
    properties: { x: { $ref: '#/$defs/Item' } },
    required: ['x'],
    $defs: { Item: { type } },
  });
  const tools = [toolOf('zeta', item('number')), toolOf('alpha', item('string'))];

  test('get the first one’s by the engine alone', async () => {
    expect(await verdictOn(tools)).toBe('{"x":1}');
  });

  test('each get their own through Flow', async () => {
    expect(await verdictOn(relaxTools(tools).tools)).toBe('{"x":"demo"}');
  });
});

describe('a schema that brings the engine down', () => {
  const FATAL: readonly (readonly [string, Json])[] = [
    ['a quantifier without anything', { type: 'string', pattern: '^+a$' }],
    ['a least above the most', { type: 'string', minLength: 5, maxLength: 2 }],
    ['more items than there may be', { type: 'array', items: { type: 'string' }, minItems: 4, maxItems: 2 }],
    ['a bracket that closes at once', { type: 'string', pattern: '^[]a]$' }],
    ['bounds of 64 bits', { type: 'integer', minimum: -(2 ** 63), maximum: 2 ** 63 }],
    ['a least of eighteen digits', { type: 'integer', minimum: 10 ** 17 }],
  ];
  for (const [name, property] of FATAL) {
    test(`is harmless after relaxing: ${name}`, async () => {
      const raw = [toolOf('probe', parametersOf({ property }))];
      await using doomed = await startEngine(model, ['-c', '4096', '-np', '1']);
      const signal = AbortSignal.timeout(HANG_MS);
      const answered = ask(doomed.baseUrl, { tools: raw, tool_choice: 'required' }, signal).then(
        ({ status }) => status,
      );
      expect(await answered.catch(() => 'gone')).toBe('gone');
      expect(await verdictOn(relaxTools(raw).tools)).toStartWith('{"x":');
    });
  }
});
