/** flow engines update, rollback and prune, beside a running Flow. What a trial asks: `test/e2e/engine-updates`. */
import { expect, test } from 'bun:test';
import type { Context } from '#src/cli/command.ts';
import { pruneEngines } from '#src/cli/engine-updates.ts';
import { TAG } from '#test/engines/support/fake-releases.ts';
import {
  fakeProgram,
  realProgram,
  spoiltProgram,
  type UpdateHouse,
  updateHouse,
} from '#test/upgrades/support/update-house.ts';
import { flow } from './flow-command.ts';

function engines({ flow: running }: UpdateHouse, argv: readonly string[], more = {}) {
  const environment = { FLOW_PORT: new URL(running.url).port };
  return flow(['engines', ...argv], { environment, ...more });
}

test('update says each step and what is used, rollback goes back, and prune spares both', async () => {
  await using house = await updateHouse(realProgram);
  const updated = await engines(house, ['update']);
  expect(updated.code).toBe(0);
  expect(updated.stdout).toMatch(/^ok {2}start .*Ready after/);
  expect(updated.stdout).toContain('flow-demo, because no other model can be tried.');
  expect(updated.stdout).toContain('It is used from the next load on; llama.cpp b1 is kept to go back to.');
  expect((await engines(house, ['update'])).stdout).toContain('is what is used already');
  expect((await engines(house, ['prune'])).stdout).toBe('Nothing to remove.\n');
  expect((await engines(house, ['rollback'])).stdout).toBe('b1 is used from the next load on.\n');
  expect((await engines(house, ['prune', '--yes'])).stdout).toBe('Nothing to remove.\n');
  expect(JSON.parse((await engines(house, ['--json'])).stdout)).toMatchObject({ chosen: 'b1' });
}, 180_000);

test('an update that fails is code 5, with its last lines, and prune removes what it left when asked', async () => {
  await using house = await updateHouse(() => spoiltProgram('echo "error: invalid argument: --metrics" >&2; exit 1'));
  const failed = await engines(house, ['update', 'llama.cpp']);
  expect(failed.code).toBe(5);
  expect(failed.stderr).toContain('BAD start');
  expect(failed.stderr).toContain('  error: invalid argument: --metrics');
  expect(failed.stderr).toContain('llama.cpp b1 stays in use.');
  expect((await engines(house, ['prune'])).stdout).toBe(`${TAG}\nRemove them: flow engines prune --yes\n`);
  expect((await engines(house, ['prune', '--yes'])).stdout).toBe(`${TAG} is removed.\n`);
  expect((await engines(house, ['rollback'])).code).toBe(10);
}, 180_000);

test('Ctrl-C cancels the update', async () => {
  await using house = await updateHouse((folder) => fakeProgram(folder, { never_ready: true }));
  const ended = await engines(house, ['update'], { signalAt: { text: 'Trying', signal: 'SIGINT' } });
  expect(ended.code).toBe(130);
  expect(ended.stderr).toContain('The update was cancelled.');
  expect(await house.chosen()).toBe('b1');
}, 180_000);

test('prune names what any kind has to spare, and spares the former of each', async () => {
  const installed = (id: string, more = {}) => ({ id, origin: 'installed', is_chosen: false, ...more });
  const llama = { installed: [installed('b2', { is_chosen: true }), installed('b1')] };
  const mlx = {
    installed: [
      installed('mlx-lm-3', { is_chosen: true }),
      installed('mlx-lm-2'),
      installed('mlx-lm-1'),
      installed('path:/usr/bin/mlx_lm.server', { origin: 'path' }),
    ],
  };
  const answers = {
    '/api/engines': { ...llama, kinds: { 'llama.cpp': llama, 'mlx-lm': mlx } },
    '/api/engines/update': {
      engines: { 'llama.cpp': { chosen: 'b2', rollback_to: 'b1' }, 'mlx-lm': { rollback_to: 'mlx-lm-2' } },
    },
  };
  const said: string[] = [];
  const json = async (_method: string, path: keyof typeof answers) => answers[path];
  const terminal = { out: (text: string) => void said.push(text) };
  await pruneEngines({ api: { json }, flags: {}, terminal, isJson: true } as unknown as Context);
  expect(JSON.parse(said.join(''))).toEqual({ removable: ['mlx-lm-1'] });
});
