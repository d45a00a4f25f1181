// What `flow engines` asks a running Flow for; the whole way is tested in engines.test.ts.
import { expect, test } from 'bun:test';
import { remoteDesk } from '#src/cli/engine-desk.ts';
import type { GatewayApi } from '#src/cli/gateway-api.ts';

test('Ctrl-C ends the installation of its own kind and leaves those of others alone', async () => {
  const asked: string[] = [];
  const json = async (method: string, path: string) => {
    asked.push(`${method} ${path}`);
    return {};
  };
  const wish = { kind: 'llama.cpp', source: null, version: null } as const;
  const installing = remoteDesk({ json } as unknown as GatewayApi).install(wish, () => {}, AbortSignal.abort());
  await expect(installing).rejects.toMatchObject({ kind: 'cancelled' });
  expect(asked.at(-1)).toBe('DELETE /api/engines/install?name=llama.cpp');
});
