/** Requests as bytes, for what no client would send. */
import { connect } from 'node:net';

export type RawAnswer = { readonly status: number; readonly text: string };

const ANSWER_MS_MAX = 20_000;

/** Sends bytes as they are, on a connection of their own; status 0 when there was no answer to read. */
export function rawRequest(port: number, bytes: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const done = (): void => {
      socket.destroy();
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text });
    };
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`No answer to ${bytes.slice(0, 200)}`)));
    socket.setEncoding('utf8');
    socket.on('data', (piece) => {
      text += piece;
      if (isWhole(text)) done();
    });
    socket.on('close', done);
    socket.on('error', (cause) => (/ECONNRESET|EPIPE/.test(String(cause)) ? done() : reject(cause)));
  });
}

/** The head by which a client begins a WebSocket, up to and with its empty line. */
export function handshakeHead(host: string, path: string, more: readonly string[] = []): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...more,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A stream of events is whole with its head: it has no end. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1];
  return length === undefined || Buffer.byteLength(text.slice(end + 4)) >= Number(length);
}
