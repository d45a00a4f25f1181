// Headers read by Range: as few bytes as will do, and bounds against files made to hurt.
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { systemClock } from '#src/clock.ts';
import { asFault } from '#src/faults.ts';
import { readGgufSource } from '#src/gguf/read.ts';
import { HubClient } from '#src/hub/hub-client.ts';
import { RemoteHeaders } from '#src/hub/remote-header.ts';
import { tinyGguf } from '#test/engines/support/tiny-gguf.ts';
import { type FakeHub, startFakeHub } from '#test/support/fake-hub.ts';

const REPOSITORY = 'maker/headers';
const tiny = tinyGguf();
/** A header that claims `pairs` entries, each a text of `textBytes`; those that have room are there. */
function hostile(pairs: bigint, textBytes: bigint, fileBytes: number): Uint8Array {
  const bytes = new Uint8Array(fileBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x46554747, true);
  view.setUint32(4, 3, true);
  view.setBigUint64(16, pairs, true);
  for (let at = 24; at + 21 <= fileBytes; at += 21 + Number(textBytes)) {
    view.setBigUint64(at, 1n, true);
    view.setUint32(at + 9, 8, true);
    view.setBigUint64(at + 13, textBytes, true);
  }
  return bytes;
}
const FILES: Readonly<Record<string, Uint8Array>> = {
  'tiny.gguf': tiny,
  'cut.gguf': tiny.slice(0, 1_000),
  'html.gguf': new TextEncoder().encode('<html>not a model, but a page of regret</html>'),
  'empty.gguf': new Uint8Array(0),
  'pairs.gguf': hostile(1n << 40n, 1n, 4_096),
  'text.gguf': hostile(1n, 1n << 62n, 4_096),
  'long.gguf': hostile(65_000n, 15n << 20n, 80 << 20),
};

let hub: FakeHub;
beforeAll(async () => {
  const files = Object.entries(FILES).map(([path, bytes]) => ({ path, bytes }));
  hub = await startFakeHub([{ id: REPOSITORY, files }]);
});
afterEach(() => hub.recover());
afterAll(() => hub[Symbol.asyncDispose]());

const signal = new AbortController().signal;
function ask(path: string, of = headers()) {
  return of.factsOf({ repository: REPOSITORY, revision: 'main', path }, FILES[path]?.length ?? 0, '', signal);
}
function headers(): RemoteHeaders {
  const client = new HubClient({ clock: systemClock, hubUrl: () => hub.url, tokenFor: () => null });
  return new RemoteHeaders(client, systemClock);
}
const kindOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no fault',
    (cause: unknown) => asFault(cause).kind,
  );

test('a header read by Range says what the same file says here', async () => {
  const local = readGgufSource({ size: tiny.length, prefix: (length) => tiny.subarray(0, length) }, 'tiny.gguf');
  expect(await ask('tiny.gguf')).toEqual({ ...local, chatTemplate: null });
});

test('no more than a mebibyte is asked for, and the same content once', async () => {
  const before = hub.contentAsked.length;
  const same = headers();
  await Promise.all([ask('tiny.gguf', same), ask('tiny.gguf', same)]);
  await ask('tiny.gguf', same);
  expect(hub.contentAsked.slice(before).map((asked) => asked.headers.range)).toEqual(['bytes=0-1048575']);
});

test('a host that ignores Range is read no further than needed', async () => {
  hub.spoil('tiny', { kind: 'whole' });
  expect((await ask('tiny.gguf')).architecture).toBe('llama');
});

test.each(['cut.gguf', 'html.gguf', 'empty.gguf', 'pairs.gguf', 'text.gguf'])('%s is refused at once', async (path) => {
  const before = hub.contentAsked.length;
  expect(['unprocessable', 'hub-broken']).toContain(await kindOf(ask(path)));
  expect(hub.contentAsked.length - before).toBeLessThanOrEqual(1);
});

test('a header that goes on and on is given up at 64 MiB', async () => {
  const before = hub.contentAsked.length;
  expect(await kindOf(ask('long.gguf'))).toBe('unprocessable');
  const ends = hub.contentAsked.slice(before).map((asked) => Number(asked.headers.range?.split('-')[1]));
  expect(Math.max(...ends)).toBeLessThan(64 << 20);
});

test('a broken line and a file that changed meanwhile are told, not taken', async () => {
  hub.spoil('tiny', { kind: 'cut', afterBytes: 500 }, 1);
  expect(await kindOf(ask('tiny.gguf'))).toBe('offline');
  const other = headers().factsOf(
    { repository: REPOSITORY, revision: 'main', path: 'tiny.gguf' },
    5_000_000,
    '',
    signal,
  );
  expect(await kindOf(other)).toBe('hub-broken');
});
