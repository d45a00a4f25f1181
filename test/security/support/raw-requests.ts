/** Requests as bytes, for what no client would send. */
import { connect } from 'node:net';

export type RawAnswer = { readonly status: number; readonly text: string };

const ANSWER_MS_MAX = 20_000;

/** Sends a head without a body as it is, on a connection of its own; status 0 when there was no answer to read. */
export function rawRequest(port: number, head: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const done = (): void => {
      socket.destroy();
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text });
    };
    const socket = connect(port, '127.0.0.1', () => socket.write(head));
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`No answer to ${head.slice(0, 200)}`)));
    socket.setEncoding('utf8');
    socket.on('data', (piece) => {
      text += piece;
      if (isWhole(text)) done();
    });
    socket.on('close', done);
    socket.on('error', (cause) => (/ECONNRESET|EPIPE/.test(String(cause)) ? done() : reject(cause)));
  });
}

/** A stream of events is whole with its head: it has no end. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1];
  return length === undefined || Buffer.byteLength(text.slice(end + 4)) >= Number(length);
}
