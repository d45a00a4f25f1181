// Reading bodies: bytes, encodings, JSON, depth. What the fields mean is tested in engine-body.test.ts and
// test/dialects.
import { describe, expect, test } from 'bun:test';
import { isAscii } from 'node:buffer';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { Fault } from '#src/faults.ts';
import { largeText } from '#src/gateway/body-text.ts';
import { engineText } from '#src/gateway/engine-body.ts';
import { parseJsonBody, readJsonBody, syntaxErrorAt } from '#src/gateway/json-body.ts';
import { LargeBodies } from '#src/gateway/large-bodies.ts';
import { FakeClock } from '../support/fake-clock.ts';

const request = (body: string | Uint8Array<ArrayBuffer>, coding?: string) =>
  new Request('http://localhost/', { method: 'POST', body, headers: coding ? { 'content-encoding': coding } : {} });

const read = (sent: Request, bytesMax: number) =>
  readJsonBody(sent, bytesMax, new LargeBodies({ clock: new FakeClock() }).placeFor(sent.signal));

const faultOf = (work: () => unknown): Promise<Fault> =>
  Promise.resolve()
    .then(work)
    .then(
      () => new Fault('internal', 'no fault'),
      (cause) => cause,
    );

describe('a body', () => {
  test('comes back with the text it was', async () => {
    const text = '{"a": 1.0,\n "b":"é"}';
    expect(await read(request(text), 100)).toEqual({ text, body: { a: 1, b: 'é' }, mends: [] });
  });

  const codings: readonly [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['gzip', zlib.gzipSync],
    ['deflate', zlib.deflateSync],
    ['br', zlib.brotliCompressSync],
    ['zstd', zlib.zstdCompressSync],
  ];
  for (const [coding, encode] of codings) {
    test(`in ${coding} is decoded, and bounded as decoded`, async () => {
      const text = JSON.stringify({ a: 'x'.repeat(100_000) });
      const bytes = Uint8Array.from(encode(Buffer.from(text)));
      expect((await read(request(bytes, coding), 200_000)).text).toBe(text);
      expect((await faultOf(() => read(request(bytes, coding), 10_000))).kind).toBe('too-large');
      expect((await faultOf(() => read(request('{}', coding), 10_000))).kind).toBe('invalid-request');
    });
  }

  test('in an unknown coding is refused', async () => {
    expect((await faultOf(() => read(request('{}', 'compress'), 100))).kind).toBe('unsupported-media');
  });

  test('larger than allowed is refused', async () => {
    expect((await faultOf(() => read(request(`{"a":"${'x'.repeat(100)}"}`), 100))).kind).toBe('too-large');
  });

  test('F-89: with a byte order mark is read, in UTF-16 or bad UTF-8 is not', async () => {
    expect((await read(request('\uFEFF{"a":1}'), 100)).body).toEqual({ a: 1 });
    const utf16 = Uint8Array.from(Buffer.from('\uFEFF{"a":1}', 'utf16le'));
    expect((await faultOf(() => read(request(utf16), 100))).kind).toBe('invalid-request');
    expect((await faultOf(() => read(request(Uint8Array.of(0x7b, 0xff)), 100))).message).toContain('UTF-8');
  });
});

describe('F-89: half a surrogate pair', () => {
  const cases: readonly [string, string, string][] = [
    ['a first half', String.raw`a\ud83db`, 'a\uFFFDb'],
    ['a second half', String.raw`a\uDE00b`, 'a\uFFFDb'],
    ['two first halves and a second', String.raw`\ud83d\ud83d\ude00`, '\uFFFD😀'],
    ['a half before another escape', String.raw`\ud83d\u0041\n`, '\uFFFDA\n'],
  ];
  for (const [what, escaped, said] of cases) {
    test(`is replaced, in what is read and in what is sent on (${what})`, () => {
      const { text, body, mends } = parseJsonBody(`{"a":"${escaped}"}`);
      expect(body).toEqual({ a: said });
      expect(JSON.parse(text)).toEqual({ a: said });
      expect(text.length).toBe(escaped.length + 8);
      expect(mends).toEqual(['half a character was replaced']);
    });
  }

  for (const whole of [String.raw`\ud83d\ude00`, '😀', String.raw`\\ud83d`, String.raw`\u00e9`]) {
    test(`is not seen in ${whole}`, () => {
      const text = `{"a":"${whole}"}`;
      expect(parseJsonBody(text)).toEqual({ text, body: JSON.parse(text), mends: [] });
    });
  }
});

describe('F-88: a large text', () => {
  const picture = 'A'.repeat(3 << 20);
  const large = (text: string) => largeText(Uint8Array.from(Buffer.from(text)));

  test('is one byte a character, whatever stands beside its picture, and says the same', () => {
    for (const words of ['Grüße 👩‍👩‍👧‍👦', `${'x'.repeat((1 << 20) - 3)}👋🏽 日本\uFEFF`, '"ü', 'plain']) {
      const body = { messages: [{ content: [words, picture] }], [words]: 1 };
      for (const text of [JSON.stringify(body), `\uFEFF${JSON.stringify(body)}`]) {
        const read = large(text);
        expect(isAscii(Buffer.from(read))).toBe(true);
        expect(JSON.parse(read)).toEqual(body);
      }
    }
  });

  test('is what a large request is read as', async () => {
    const { text, body } = await read(request(JSON.stringify({ a: 'é', b: picture.repeat(3) })), 16 << 20);
    expect(isAscii(Buffer.from(text))).toBe(true);
    expect(body.a).toBe('é');
  });

  test('with an escaped backslash before a letter says the same too', () => {
    const text = JSON.stringify({ a: '\\\\é\\ü', b: picture });
    expect(JSON.parse(large(text))).toEqual(JSON.parse(text));
  });

  test('of another script is left as it is, which is shorter', () => {
    const text = JSON.stringify({ a: '日本'.repeat(100_000) });
    expect(large(text)).toBe(text);
  });

  test('that is wrong stays so, and its bytes are let go of', async () => {
    const bytes = Uint8Array.from([...Buffer.from('{"a":"é'), 0xff, ...Buffer.from('"}')]);
    expect((await faultOf(() => largeText(bytes))).message).toContain('UTF-8');
    expect((await faultOf(() => parseJsonBody(large(`{"a":"\\é","b":"${picture}"}`)))).kind).toBe('invalid-request');
    expect((await faultOf(() => parseJsonBody(large(`{"a":é,"b":"${picture}"}`)))).kind).toBe('invalid-request');
    const good = Uint8Array.from(Buffer.from('{"a":"é"}'));
    largeText(good);
    expect(good.length).toBe(0);
  });
});

test('F-90: an object of very many keys is refused: engines search them one by one', async () => {
  const keys = (count: number) => `{"x":[{${Array.from({ length: count }, (_, at) => `"k${at}":1`).join(',')}}]}`;
  expect(parseJsonBody(keys(10_000)).mends).toEqual([]);
  const fault = await faultOf(() => parseJsonBody(keys(1_000_000)));
  expect(fault).toMatchObject({ kind: 'invalid-request' });
  expect(fault.message).toContain('1000000 keys');
});

describe('F-89, F-90: broken JSON', () => {
  const cases: readonly [string, string][] = [
    ['', 'empty'],
    ['  \n', 'empty'],
    ['{"a":1', 'ends at character 6'],
    ['{"a":1}}', 'line 1, column 8'],
    ['{"a":1}x', 'line 1, column 8'],
    ['{"a":NaN}', 'line 1, column 6'],
    ['{"a":1,}', 'line 1, column 8'],
    ["{'a':1}", 'line 1, column 2'],
    ['{"a":\n  tru}', 'line 2, column 3'],
    ['{"a":01}', 'line 1, column 7'],
    ['[1]', 'not an object'],
    ['"x"', 'not an object'],
    ['null', 'not an object'],
  ];
  for (const [text, words] of cases) {
    test(`${JSON.stringify(text)} is told by its place`, async () => {
      const fault = await faultOf(() => parseJsonBody(text));
      expect(fault.kind).toBe('invalid-request');
      expect(fault.message).toContain(words);
    });
  }

  test('is found wherever it is: the place is never beyond what a cut left whole', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, place) => {
        expect(syntaxErrorAt(text)).toBe(text.length);
        const cut = place % (text.length + 1);
        expect(syntaxErrorAt(text.slice(0, cut))).toBeLessThanOrEqual(cut);
      }),
    );
  });

  test('nested too deep is refused quickly, and an own __proto__ pollutes nothing', async () => {
    const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect((await faultOf(() => parseJsonBody(deep))).message).toContain('256');
    expect(parseJsonBody(`{"a":${'['.repeat(255)}${']'.repeat(255)}}`).body.a).toBeArray();
    parseJsonBody('{"__proto__":{"polluted":true}}');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});

test('F-87: a body of a million tokens is read in a few times what its JSON alone takes, and not written anew', () => {
  const messages = Array.from({ length: 400 }, (_, at) => ({
    role: 'user',
    content: `${at} words "quoted"\n`.repeat(800),
  }));
  const text = JSON.stringify({ model: 'm', messages });
  expect(text.length).toBeGreaterThan(5 << 20);
  const fastest = (work: () => void) =>
    Math.min(
      ...Array.from({ length: 5 }, () => {
        const startedMs = performance.now();
        work();
        return performance.now() - startedMs;
      }),
    );
  const alone = fastest(() => JSON.parse(text));
  const read = fastest(() => parseJsonBody(text));
  expect(read / alone).toBeLessThan(8);
  expect(parseJsonBody(text).text).toBe(text);
  expect(engineText(parseJsonBody(text), { set: { model: 'other' }, drop: [] })).toStartWith(text.slice(0, -1));
});
