// The pure reader of HTTP responses. Sockets and pools are tested in client.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { HEAD_BYTES_MAX, ResponseParser } from '#src/transport/response-parser.ts';

type Read = { status: number; headers: Record<string, string>; body: string; isComplete: boolean; hasExcess: boolean };

function read(pieces: readonly Uint8Array[], method = 'GET'): Read {
  const parser = new ResponseParser(method);
  const bodies = pieces.map((piece) => parser.push(Uint8Array.from(piece)).slice());
  return {
    status: parser.head?.status ?? 0,
    headers: { ...parser.head?.headers },
    body: Buffer.concat(bodies).toString('latin1'),
    isComplete: parser.end(),
    hasExcess: parser.hasExcess,
  };
}

const whole = (text: string, method?: string) => read([Buffer.from(text, 'latin1')], method);

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => bytes.slice(from, sorted[index] ?? bytes.length));
}

function chunked(chunks: readonly string[], trailers = ''): string {
  const body = chunks
    .filter((chunk) => chunk !== '')
    .map((chunk) => `${chunk.length.toString(16)};x=y\r\n${chunk}\r\n`);
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.join('')}0\r\n${trailers}\r\n`;
}

describe('a response', () => {
  test('is the same however its bytes are cut', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 }).map((value) => Buffer.from(value).toString('latin1'));
    const fixed = text.map(
      (body) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nX-A: 1\r\nx-a: 2\r\n\r\n${body}`,
    );
    const parts = fc.array(text, { maxLength: 6 }).map((chunks) => chunked(chunks, 'X-Trailer: t\r\n'));
    const open = text.map((body) => `HTTP/1.1 500 Oh\r\n\r\n${body}`);
    const interim = fixed.map((rest) => `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n${rest}`);
    fc.assert(
      fc.property(fc.oneof(fixed, parts, open, interim), fc.array(fc.nat(500)), (answer, places) => {
        const bytes = Buffer.from(answer, 'latin1');
        const expected = read([bytes]);
        expect(expected.isComplete).toBe(true);
        expect(read(cut(bytes, places))).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  test('in chunks gives their payloads as one piece per arrival', () => {
    const parser = new ResponseParser();
    const piece = parser.push(Buffer.from(chunked(['data: a\n\n', 'data: b\n\n', 'data: c\n\n'])));
    expect(Buffer.from(piece).toString()).toBe('data: a\n\ndata: b\n\ndata: c\n\n');
    expect(parser.isComplete).toBe(true);
  });

  test('without length or chunks ends with the connection and is not kept alive', () => {
    const parser = new ResponseParser();
    parser.push(Buffer.from('HTTP/1.1 200 OK\r\n\r\nabc'));
    expect(parser.isComplete).toBe(false);
    expect(parser.head?.isKeptAlive).toBe(false);
    expect(parser.end()).toBe(true);
  });

  test('cut short is not complete', () => {
    expect(whole('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc').isComplete).toBe(false);
    expect(whole('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc').isComplete).toBe(false);
    expect(whole('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n').isComplete).toBe(false);
    expect(whole('HTTP/1.1 200 O').isComplete).toBe(false);
  });

  test('to HEAD, 204 and 304 has no body', () => {
    expect(whole('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HEAD').isComplete).toBe(true);
    expect(whole('HTTP/1.1 204 No\r\n\r\n').isComplete).toBe(true);
    expect(whole('HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n').isComplete).toBe(true);
  });

  test('is known to close when it says so', () => {
    const keeps = (head: string) => {
      const parser = new ResponseParser();
      parser.push(Buffer.from(`${head}Content-Length: 0\r\n\r\n`));
      return parser.head?.isKeptAlive;
    };
    expect(keeps('HTTP/1.1 200 OK\r\n')).toBe(true);
    expect(keeps('HTTP/1.1 200 OK\r\nConnection: Close\r\n')).toBe(false);
    expect(keeps('HTTP/1.0 200 OK\r\n')).toBe(false);
    expect(keeps('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n')).toBe(true);
  });

  test('followed by more bytes says so', () => {
    expect(whole('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200').hasExcess).toBe(true);
  });

  test('cannot reach the prototype of its headers', () => {
    const headers = whole('HTTP/1.1 200 OK\r\n__proto__: x\r\nContent-Length: 0\r\n\r\n').headers;
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(Object.keys(headers)).toContain('content-length');
  });
});

describe('a hostile head', () => {
  const ok = 'HTTP/1.1 200 OK\r\n';
  const cases: readonly [string, string][] = [
    ['both length and chunks', `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`],
    ['two lengths', `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`],
    ['a negative length', `${ok}Content-Length: -1\r\n\r\n`],
    ['a length with a plus', `${ok}Content-Length: +1\r\n\r\n`],
    ['a length of 30 digits', `${ok}Content-Length: ${'9'.repeat(30)}\r\n\r\n`],
    ['an unknown transfer coding', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a folded header', `${ok}X-A: 1\r\n folded\r\n\r\n`],
    ['a space before the colon', `${ok}X-A : 1\r\n\r\n`],
    ['a header without a colon', `${ok}nonsense\r\n\r\n`],
    ['a bare line feed', `${ok}X-A: 1\nX-B: 2\r\n\r\n`],
    ['a NUL', `${ok}X-A: \0\r\n\r\n`],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching\r\n\r\n'],
    ['endless interim answers', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(20)],
    ['a thousand headers', `${ok}${'X-A: 1\r\n'.repeat(1000)}\r\n`],
    ['a head without an end', `${ok}X-A: ${'x'.repeat(HEAD_BYTES_MAX)}`],
    ['a chunk size that is no number', `${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['a negative chunk size', `${ok}Transfer-Encoding: chunked\r\n\r\n-1\r\n`],
    ['a chunk size beyond all numbers', `${ok}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\n`],
    ['a chunk longer than its size', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n`],
    ['a chunk size line with a bare line feed', `${ok}Transfer-Encoding: chunked\r\n\r\n1\nab\r\n`],
    ['endless trailers', `${ok}Transfer-Encoding: chunked\r\n\r\n0\r\n${'X-T: 1\r\n'.repeat(20_000)}`],
  ];
  for (const [name, answer] of cases) {
    test(`with ${name} is refused, however it is cut`, () => {
      expect(() => whole(answer)).toThrow('not plain HTTP/1.1');
      expect(() =>
        read(
          [...Buffer.from(answer.slice(0, 3000))]
            .map((byte) => Uint8Array.of(byte))
            .concat(Buffer.from(answer.slice(3000))),
        ),
      ).toThrow('not plain HTTP/1.1');
    });
  }
});
