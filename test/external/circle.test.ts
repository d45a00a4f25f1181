// Two whole Flows that serve each other's model, and a Flow before another one that serves it well.
import { afterAll, expect, test } from 'bun:test';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';

const flows: RunningFlow[] = [];
afterAll(async () => {
  for (const flow of flows) await flow[Symbol.asyncDispose]();
});

async function started(flags: readonly string[] = []): Promise<RunningFlow> {
  const flow = await startFlow({ flags });
  flows.push(flow);
  return flow;
}

const seen: (string | null)[] = [];
const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'round' };
const LINES = [
  { ...chunk, choices: [{ index: 0, delta: { content: 'well said' }, finish_reason: null }] },
  { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
];
function lone() {
  return Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === '/v1/models') return Response.json({ data: [{ id: 'round' }] });
      if (pathname !== '/v1/chat/completions') return new Response('', { status: 404 });
      seen.push(request.headers.get('x-flow-hops'));
      const text = [...LINES.map((line) => JSON.stringify(line)), '[DONE]'].map((line) => `data: ${line}\n\n`).join('');
      return new Response(text, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
}

async function ask(flow: RunningFlow): Promise<{ status: number; text: string }> {
  const response = await fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'round', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
  });
  return { status: response.status, text: await response.text() };
}

const isReachable = async (flow: RunningFlow): Promise<boolean> => {
  const { body } = await flow.json('/api/external');
  const [first] = body.connected as Record<string, unknown>[];
  return first?.is_reachable === true;
};

test('S-44: a request that goes in a circle is refused, where a chain of Flows answers', async () => {
  const engine = lone();
  const first = await started();
  const port = String(engine.port);
  const base = `http://127.0.0.1:${port}`;
  expect((await first.json('/api/connect-external', { base_url: base })).body).toMatchObject({ model_id: 'round' });
  const second = await started();
  const { body } = await second.json('/api/connect-external', { base_url: first.url, model_id: 'round' });
  expect(body).toMatchObject({ model_id: 'round', product: 'Flow', engine: 'openai' });
  expect((await ask(second)).text).toContain('well said');
  expect(seen).toEqual(['2']);

  // On the engine's own port there is now a Flow that gets its answers from the first one.
  await engine.stop(true);
  const third = await started(['--port', port]);
  expect(third.url).toBe(base);
  await third.json('/api/connect-external', { base_url: first.url, model_id: 'round' });
  await until(
    'each takes the other for its engine',
    async () => (await isReachable(first)) && isReachable(third),
    60_000,
  );
  const refused = await ask(first);
  expect(refused.text).toContain('come through 3 Flows');
  expect(refused.text).toContain("serve each other's models");
  expect(refused.status).toBe(400);
}, 180_000);
