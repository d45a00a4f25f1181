// `flow external` against a whole Flow and a server that stands for somebody else's engine.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { type CommandOptions, type Ended, flow as flowAnywhere } from './flow-command.ts';

let gateway: RunningFlow;
let server: Bun.Server<undefined>;
let base: string;
beforeAll(async () => {
  gateway = await startFlow();
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) =>
      new URL(request.url).pathname === '/v1/models'
        ? Response.json({ data: [{ id: 'one:8b', owned_by: 'library' }, { id: 'two' }] })
        : new Response('', { status: 404 }),
  });
  base = `http://127.0.0.1:${server.port}`;
});
afterAll(async () => {
  await server.stop(true);
  await gateway[Symbol.asyncDispose]();
});

function flow(argv: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { port } = new URL(gateway.url);
  return flowAnywhere(argv, { ...options, environment: { FLOW_PORT: port, FLOW_DATA_DIR: gateway.dataDir } });
}

test('an address that no engine has is a wrong use, not a wrong key', async () => {
  const { code, stderr } = await flow(['external', 'connect', 'http://169.254.169.254/']);
  expect(stderr).toContain('no engine has that address');
  expect(code).toBe(2);
});

test('of several models one is to be named; then it is connected, listed and disconnected', async () => {
  const unnamed = await flow(['external', 'connect', base]);
  expect([unnamed.code, unnamed.stderr]).toEqual([2, expect.stringContaining('serves 2 models: one:8b, two')]);
  const named = await flow(['external', 'connect', base, '--model', 'two', '--name', 'Zwei']);
  expect([named.code, named.stdout]).toEqual([0, expect.stringContaining('Ollama')]);
  const listed = await flow(['external']);
  expect(listed.stdout).toMatch(/Zwei.*reachable/);
  const gone = await flow(['external', 'disconnect', 'zwei']);
  expect(gone.stdout).toContain('its engine goes on');
  expect((await flow(['external', 'disconnect', 'zwei'])).code).toBe(4);
}, 180_000);

test('the doctor tells of an engine that is gone', async () => {
  await flow(['external', 'connect', base, '--model', 'one:8b']);
  const findings = async () => {
    const { stdout } = await flow(['doctor', '--json']);
    return JSON.parse(stdout).findings.filter((one: { check: string }) => one.check === 'external');
  };
  expect(await findings()).toMatchObject([{ level: 'good' }]);
  await server.stop(true);
  await until('it is gone', async () => {
    const [first] = (await gateway.json('/api/external')).body.connected as Record<string, unknown>[];
    return first?.phase === 'failed';
  });
  const told = { says: expect.stringContaining('somebody else started it'), fix: expect.stringContaining(base) };
  expect(await findings()).toMatchObject([{ level: 'warning', ...told }]);
}, 180_000);
