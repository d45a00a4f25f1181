/** `flow keys` against a whole Flow: as its user, who needs no key, and as somebody else. Keys themselves: e2e/keys. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';
import { type Ended, flow as flowAnywhere } from './flow-command.ts';

let gateway: RunningFlow;
beforeAll(async () => {
  gateway = await startFlow({ environment: { FLOW_API_KEY: 'the-key-of-the-owner' } });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

function flow(argv: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const { port } = new URL(gateway.url);
  const own = { FLOW_PORT: port, FLOW_DATA_DIR: gateway.dataDir };
  return flowAnywhere(['keys', ...argv], { environment: { ...own, ...environment } });
}

test('the user whom Flow runs for makes, lists, changes and revokes keys without showing one', async () => {
  expect((await flow([])).stdout).toContain('Nobody has a key');
  const made = await flow(['create', 'phone', '--model', 'flow-demo', '--rpm', '30', '--expires', '90d']);
  expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('shown this once')]);
  expect(made.stdout).toMatch(/^flow_[0-9A-Za-z]{43}\n$/);
  const models = await fetch(`${gateway.url}/v1/models`, { headers: { 'x-api-key': made.stdout.trim() } });
  expect(models.status).toBe(200);
  const changed = await flow(['change', 'phone', '--name', 'tablet', '--rpm', 'none', '--tokens-per-day', '5000']);
  expect(changed.stdout).toBe('tablet may infer: flow-demo, 0 of 5000 tokens today.\n');
  const { stdout } = await flow(['--json']);
  expect(JSON.parse(stdout).keys).toMatchObject([{ name: 'tablet', models: ['flow-demo'], requests_per_minute: null }]);
  expect(stdout).not.toContain(made.stdout.trim());
  expect((await flow(['revoke', 'tablet'])).stdout).toContain('Revoked "tablet"');
  expect((await flow(['revoke', 'tablet'])).code).toBe(4);
}, 180_000);

test('who cannot read its data folder needs a key that may manage', async () => {
  const nowhere = { FLOW_DATA_DIR: '/nonexistent' };
  expect((await flow(['create', 'mine'], nowhere)).code).toBe(8);
  expect((await flow(['create', 'mine'], { ...nowhere, FLOW_API_KEY: 'the-key-of-the-owner' })).code).toBe(0);
}, 180_000);

test('a wrong use is said so, and changes nothing', async () => {
  for (const argv of [['create'], ['make', 'x'], ['create', 'x', '--rpm', 'many'], ['create', 'x', '--scope', 'all']]) {
    expect([argv, (await flow(argv)).code]).toEqual([argv, 2]);
  }
  expect((await flow(['create', 'x', '--model', 'no-such-model'])).code).toBe(4);
}, 180_000);
