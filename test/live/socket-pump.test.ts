/** A stream carried over a socket, with a socket whose reader is slow at will. Real ones: test/browser/connection. */
import { expect, test } from 'bun:test';
import { SocketPump } from '#src/live/socket-pump.ts';
import { waitUntil } from '../support/wait-until.ts';

function setUp() {
  const sent: string[] = [];
  const state = { isFull: false, isClosed: false, isCancelled: false };
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    cancel() {
      state.isCancelled = true;
    },
  });
  const pump = new SocketPump(stream, {
    send(bytes) {
      sent.push(new TextDecoder().decode(bytes));
      return state.isFull ? -1 : bytes.byteLength;
    },
    close() {
      state.isClosed = true;
    },
  });
  const write = (text: string) => controller?.enqueue(new TextEncoder().encode(text));
  return { sent, state, pump, write, end: () => controller?.close() };
}

test('what the stream says is sent in its order, and its end closes the socket', async () => {
  const { sent, state, write, end } = setUp();
  write('a');
  write('b');
  end();
  await waitUntil('the end', () => state.isClosed);
  expect(sent).toEqual(['a', 'b']);
});

test('a socket that is behind is sent nothing more until it has drained', async () => {
  const { sent, state, pump, write, end } = setUp();
  state.isFull = true;
  write('a');
  write('b');
  await waitUntil('the first', () => sent.length === 1);
  await Promise.resolve();
  expect(sent).toEqual(['a']);
  state.isFull = false;
  pump.drained();
  end();
  await waitUntil('the end', () => state.isClosed);
  expect(sent).toEqual(['a', 'b']);
});

test('a socket that goes ends the stream, also while it is behind', async () => {
  const { sent, state, pump, write } = setUp();
  state.isFull = true;
  write('a');
  await waitUntil('the first', () => sent.length === 1);
  pump.closed();
  await waitUntil('the stream ended', () => state.isCancelled);
});
