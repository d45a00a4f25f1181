/** The snippets as the dashboard asks for them. Their content: plans.test.ts; with a whole Flow: cli/connect. */
import { expect, test } from 'bun:test';
import { type AgentRoutesParts, agentRoutes } from '#src/agents/routes.ts';
import { Fault } from '#src/faults.ts';
import { EMPTY_CONFIG, type Model } from '#src/models/model.ts';

const MODEL: Model = {
  id: 'qwen3',
  name: 'Qwen3',
  format: 'gguf',
  path: '/m/qwen3.gguf',
  hfId: null,
  endpoint: null,
  quantization: null,
  sizeBytes: 1,
  trainedContextTokens: 40_960,
  capabilities: { tools: true, thinking: true, vision: false, embedding: false },
  aliases: [],
  isDemo: false,
  isManaged: false,
  config: EMPTY_CONFIG,
  createdAtMs: 0,
  updatedAtMs: 0,
};

function ask(path: string, parts: Partial<AgentRoutesParts> = {}): Promise<Response> {
  const modelOf = () => ({ model: MODEL, variant: null, contextTokens: 32_768 });
  const routes = agentRoutes({ modelOf, asksForKey: () => false, ...parts });
  return routes.handle(new Request(`http://flow.lan:3377${path}`));
}

test('the address told is the one that the caller has used, and the context the real one', async () => {
  const body = Object(await (await ask('/api/agents/codex')).json());
  expect(body.files[0].text).toContain('base_url = "http://flow.lan:3377/v1"');
  expect(body.model).toMatchObject({ id: 'qwen3', context_tokens: 32_768 });
});

test('a model without a context of its own has the trained one', async () => {
  const modelOf = () => ({ model: MODEL, variant: null, contextTokens: 0 });
  expect(await (await ask('/api/agents', { modelOf })).json()).toMatchObject({ model: { context_tokens: 40_960 } });
});

test('a variant is told by its own name, or the agent would get another behaviour', async () => {
  const modelOf = () => ({ model: MODEL, variant: 'org/quick:1', contextTokens: 32_768 });
  const body = Object(await (await ask('/api/agents/codex?model=quick', { modelOf })).json());
  expect(body.files[0].text).toContain('model = "org/quick:1"');
  expect(body.model).toMatchObject({ id: 'org/quick:1', name: 'Qwen3 (org/quick:1)' });
});

test('a name is one word of the command, whatever is in it', async () => {
  const variant = "it's; rm -rf ~";
  const modelOf = () => ({ model: MODEL, variant, contextTokens: 32_768 });
  const { connect } = Object(await (await ask('/api/agents/codex', { modelOf })).json());
  expect(Bun.spawnSync(['sh', '-c', `flow() { printf %s "$4"; }; ${connect}`]).stdout.toString()).toBe(variant);
});

test('where a key is asked for, there is a place for it and no key', async () => {
  const text = await (await ask('/api/agents/claude', { asksForKey: () => true })).text();
  expect(text).toContain('YOUR-FLOW-KEY');
});

test('the list is there without any model; a name that means none is refused', async () => {
  const modelOf = () => {
    throw new Fault('model-not-found', 'There is no model.');
  };
  expect(await (await ask('/api/agents', { modelOf })).json()).toMatchObject({ model: null });
  expect((await ask('/api/agents?model=x', { modelOf })).status).toBe(404);
});

test('a model that makes embeddings is refused', async () => {
  const model = { ...MODEL, capabilities: { ...MODEL.capabilities, embedding: true } };
  const response = await ask('/api/agents/claude?model=qwen3', {
    modelOf: () => ({ model, variant: null, contextTokens: 512 }),
  });
  expect(response.status).toBe(400);
});
