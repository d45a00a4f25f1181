// The tools that agents really send, as recorded: all of them are taken by the engine once relaxed.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatTool } from '#src/dialects/chat-request.ts';
import { isObject, type Json, type JsonObject } from '#src/json.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { relaxTools } from '#src/repairs/relax-tools.ts';
import { type EngineProcess, startEngine } from '#test/support/engine-process.ts';
import { quickestMs } from '#test/support/quickest.ts';

const REQUESTS = join(import.meta.dir, '..', '..', 'fixtures', 'requests');

let folder: string;
let engine: EngineProcess;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-recorded-tools-'));
  const path = join(folder, 'demo.gguf');
  await makeDemoModel(path);
  engine = await startEngine(path, ['-c', '131072', '-np', '1']);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The function tools of a body in any protocol, those of namespaces too. */
function toolsIn(list: unknown): ChatTool[] {
  return (Array.isArray(list) ? list : []).flatMap((tool: JsonObject): ChatTool[] => {
    if (tool.type === 'namespace') return toolsIn(tool.tools);
    const parts = isObject(tool.function) ? tool.function : tool;
    const parameters = (parts.parameters ?? parts.input_schema) as Json | undefined;
    if (!isObject(parameters)) return [];
    return [{ type: 'function', function: { name: String(parts.name), description: 'd', parameters } }];
  });
}

const SEEN = new Map<string, readonly ChatTool[]>();
for (const path of [...new Bun.Glob('**/*.json').scanSync({ cwd: REQUESTS })].sort()) {
  const body: JsonObject = JSON.parse(readFileSync(join(REQUESTS, path), 'utf8'));
  const tools = toolsIn(body.tools);
  const key = JSON.stringify(tools);
  if (tools.length > 0 && ![...SEEN.values()].some((known) => JSON.stringify(known) === key)) SEEN.set(path, tools);
}

test('there are recordings with tools', () => {
  expect(SEEN.size).toBeGreaterThan(8);
});

for (const [path, tools] of SEEN) {
  test(`the ${tools.length} tools of ${path} are taken`, async () => {
    const response = await fetch(`${engine.baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        messages: [{ role: 'user', content: 'hello' }],
        tools: relaxTools(tools).tools,
        temperature: 0,
        max_tokens: 40,
      }),
    });
    expect(response.status).toBe(200);
    await response.json();
  });
}

test('relaxing the longest list takes a few milliseconds at most', () => {
  const [largest] = [...SEEN.values()].sort((one, other) => JSON.stringify(other).length - JSON.stringify(one).length);
  for (let round = 0; round < 50; round += 1) relaxTools(largest ?? []);
  // 0.35 ms on two cores; the bound leaves room for slower ones.
  expect(quickestMs(5, () => relaxTools(largest ?? []))).toBeLessThan(5);
});
