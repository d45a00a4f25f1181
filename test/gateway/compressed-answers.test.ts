// Answers that come compressed although nobody asked for it, and with trailers. Framing alone: test/transport.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import * as zlib from 'node:zlib';
import { chat, contentOf, House, messagesBody, post } from './support/house.ts';

const STREAM = [
  'data: {"choices":[{"index":0,"finish_reason":null,"delta":{"content":"Grüße 👩‍👩‍👧‍👦"}}]}\n\n',
  'data: {"choices":[{"index":0,"finish_reason":"stop","delta":{}}]}\n\n',
  'data: [DONE]\n\n',
].join('');
const WHOLE = JSON.stringify({
  object: 'chat.completion',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Grüße 👩‍👩‍👧‍👦' } }],
});
const CODINGS: readonly [string, (bytes: Uint8Array) => Uint8Array][] = [
  ['gzip', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
  ['zstd', zlib.zstdCompressSync],
];

let house: House;
let url: string;
/** What the engine was asked with. */
let asked: Headers[];

beforeEach(() => {
  house = new House();
  url = house.listen();
  asked = [];
});
afterEach(() => house.close());

function answering(coding: string, encode: (bytes: Uint8Array) => Uint8Array): void {
  house.server(async (request) => {
    asked.push(request.headers);
    const { stream } = await request.json();
    const type = stream ? 'text/event-stream' : 'application/json';
    const headers = { 'content-type': type, 'content-encoding': coding };
    return new Response(Uint8Array.from(encode(Buffer.from(stream ? STREAM : WHOLE))), { headers });
  });
}

describe('F-35: an answer', () => {
  for (const [coding, encode] of CODINGS) {
    test(`in ${coding} is read, streamed and whole, in both protocols`, async () => {
      answering(coding, encode);
      const streamed = await post(`${url}/v1/chat/completions`, chat({ stream: true }));
      expect(contentOf(await streamed.text())).toBe('Grüße 👩‍👩‍👧‍👦');
      expect(streamed.headers.get('content-encoding')).toBeNull();
      const whole = await post(`${url}/v1/chat/completions`, chat());
      expect(await whole.json()).toMatchObject({ choices: [{ message: { content: 'Grüße 👩‍👩‍👧‍👦' } }] });
      const message = await post(`${url}/v1/messages`, messagesBody());
      expect(await message.json()).toMatchObject({ content: [{ type: 'text', text: 'Grüße 👩‍👩‍👧‍👦' }] });
      for (const headers of asked) expect(headers.get('accept-encoding')).toBe('identity');
    });
  }

  test('that is no such coding is an error', async () => {
    answering('gzip', (bytes) => bytes);
    const whole = await post(`${url}/v1/chat/completions`, chat());
    expect(whole.status).toBe(502);
    const streamed = await post(`${url}/v1/chat/completions`, chat({ stream: true }));
    expect(await streamed.text()).toContain('"error"');
  });

  test('in an unknown coding is an error that names it', async () => {
    answering('compress', (bytes) => bytes);
    const whole = await post(`${url}/v1/chat/completions`, chat());
    expect(whole.status).toBe(502);
    expect(await whole.text()).toContain('compress');
  });

  test('that is a bomb is cut where every answer is', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(128 << 20, 97));
    answering('gzip', () => bomb);
    const streamed = await post(`${url}/v1/chat/completions`, chat({ stream: true }));
    expect(await streamed.text()).toContain('32 Mi');
  });

  test('whose chunks end with trailers is whole', async () => {
    const bytes = Buffer.from(STREAM);
    house.bytes((write, end) => {
      write(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n',
      );
      write(`${bytes.length.toString(16)}\r\n`);
      write(bytes);
      write('\r\n0\r\nx-sum: 5\r\nx-other: 6\r\n\r\n');
      end();
    });
    const streamed = await post(`${url}/v1/chat/completions`, chat({ stream: true }));
    expect(contentOf(await streamed.text())).toBe('Grüße 👩‍👩‍👧‍👦');
  });
});

describe('F-34: an engine that streams to who asked for a whole answer', () => {
  test('is joined to one, in both protocols', async () => {
    house.server(() => new Response(STREAM, { headers: { 'content-type': 'text/event-stream' } }));
    const whole = await post(`${url}/v1/chat/completions`, chat());
    expect(whole.headers.get('content-type')).toStartWith('application/json');
    expect(await whole.json()).toMatchObject({
      object: 'chat.completion',
      choices: [{ finish_reason: 'stop', message: { role: 'assistant', content: 'Grüße 👩‍👩‍👧‍👦' } }],
    });
    const message = await post(`${url}/v1/messages`, messagesBody());
    expect(await message.json()).toMatchObject({ stop_reason: 'end_turn' });
  });
});
