// Server-sent events as bytes and frames. What the frames say is tested in test/dialects.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { encodeFrame, endOfFrames, type Frame, FrameReader } from '#src/stream/frames.ts';

const encoder = new TextEncoder();

function read(pieces: readonly Uint8Array[]): Frame[] {
  const reader = new FrameReader();
  return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
}

const datas = (text: string) => read([encoder.encode(text)]).map((frame) => frame.data);

/** Cuts bytes at the given places (any numbers). */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => bytes.slice(from, sorted[index] ?? bytes.length));
}

describe('F-30, F-31: a frame reader', () => {
  const cases: readonly [string, string, readonly string[]][] = [
    ['line feeds', 'data: a\n\ndata: b\n\n', ['a', 'b']],
    ['carriage returns', 'data: a\r\rdata: b\r\r', ['a', 'b']],
    ['both', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['a mixture', 'data: a\n\r\ndata: b\r\r\ndata: c\n\n', ['a', 'b', 'c']],
    ['comments', ': hello\n\n:\ndata: a\n: x\n\n', ['a']],
    ['several data lines', 'data: a\ndata: b\ndata:\n\n', ['a\nb\n']],
    ['no space after the colon', 'data:a\n\ndata:  b\n\n', ['a', ' b']],
    ['a field without a colon', 'data\n\n', ['']],
    ['a byte order mark', '\uFEFFdata: a\n\n', ['a']],
    ['no final newline', 'data: a\n\ndata: b', ['a', 'b']],
    ['no final empty line', 'data: a\n', ['a']],
    ['unknown fields', 'retry: 10\nfoo: bar\ndata: a\n\n', ['a']],
    ['events without data', 'event: x\n\ndata: a\n\n', ['a']],
    ['nothing', '', []],
  ];
  for (const [name, text, expected] of cases)
    test(`understands ${name}`, () => expect(datas(text)).toEqual([...expected]));

  test('gives event and id, and forgets them for the next frame', () => {
    expect(read([encoder.encode('event: e\nid: 7\ndata: a\n\ndata: b\n\n')])).toEqual([
      { event: 'e', id: '7', data: 'a' },
      { event: null, id: null, data: 'b' },
    ]);
  });

  test('gives the same frames however the bytes are cut', () => {
    const line = fc.oneof(
      fc.string({ unit: 'grapheme' }).map((text) => `data: ${text}`),
      fc.constantFrom(': comment', 'event: e', 'id: 3', 'data:x', 'data', '', '', 'data: 👩‍👩‍👧‍👦 日本 🇩🇪'),
    );
    const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n'))).map((lines) => lines.flat().join(''));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(2000)), (text, places) => {
        const bytes = encoder.encode(text);
        expect(read(cut(bytes, places))).toEqual(read([bytes]));
      }),
      { numRuns: 2000 },
    );
  });

  test('keeps every character whole when cut at each byte', () => {
    const bytes = encoder.encode('data: é👩‍👩‍👧‍👦日🇩🇪\r\n\r\n');
    for (let place = 0; place <= bytes.length; place += 1) {
      const frames = read([bytes.slice(0, place), bytes.slice(place)]);
      expect(frames.map((frame) => frame.data)).toEqual(['é👩‍👩‍👧‍👦日🇩🇪']);
    }
  });

  test('takes a line of 8 MB in small pieces and refuses one of more than 32 Mi characters', () => {
    const piece = encoder.encode('x'.repeat(1 << 20));
    const reader = new FrameReader();
    reader.push(encoder.encode('data: '));
    for (let megabytes = 0; megabytes < 8; megabytes += 1) reader.push(piece);
    expect(reader.push(encoder.encode('\n\n'))[0]?.data.length).toBe(8 << 20);
    const endless = new FrameReader();
    expect(() => {
      for (let megabytes = 0; megabytes < 34; megabytes += 1) endless.push(piece);
    }).toThrow('32 Mi characters');
  });
});

describe('frames on the wire', () => {
  test('come back as they went', () => {
    fc.assert(
      fc.property(fc.string(), fc.stringMatching(/^[a-z]{1,9}$/), (data, event) => {
        const frames = read([encoder.encode(encodeFrame({ event, data }))]);
        expect(frames).toEqual([{ event, id: null, data: data.replace(/\r\n|\r/g, '\n') }]);
      }),
    );
  });

  test('end where the last complete one ends', () => {
    const end = (text: string) => endOfFrames(encoder.encode(text));
    expect(end('data: a\n\ndata: b\n\n')).toBe(18);
    expect(end('data: a\n\ndata: b')).toBe(9);
    expect(end('data: a\r\n\r\ndata: b\r\n')).toBe(11);
    expect(end('data: a')).toBe(0);
    expect(end('')).toBe(0);
    expect(end('\n')).toBe(0);
  });
});
