/** A client that sends exactly the bytes it is told to: for what no HTTP library would send. */
import { connect, type Socket } from 'node:net';
import { until } from './running-flow.ts';

export type RawClient = Disposable & {
  /** Everything that came so far, byte for byte. */
  text(): string;
  send(bytes: string | Uint8Array): void;
  /** Says that nothing follows, and goes on reading. */
  half(): void;
  /** Reads nothing until told to. */
  pause(): void;
  resume(): void;
  readonly isClosed: boolean;
  /** The text, once it holds this. */
  sees(what: string | RegExp, withinMs?: number): Promise<string>;
  closed(withinMs?: number): Promise<void>;
  readonly socket: Socket;
};

/** Connects, and sends `first` at once. */
export async function rawClient(url: string, first = ''): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  let received = '';
  let isClosed = false;
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  socket.on('data', (data) => {
    received += data.toString('latin1');
  });
  socket.on('close', () => {
    isClosed = true;
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => {});
  await until('a connection', () => !socket.connecting);
  if (first !== '') socket.write(first);
  return {
    socket,
    text: () => received,
    send: (bytes) => void socket.write(bytes),
    half: () => void socket.end(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    get isClosed() {
      return isClosed;
    },
    sees: (what, withinMs) =>
      until(
        `${what} in ${JSON.stringify(received.slice(-300))}`,
        () => (typeof what === 'string' ? received.includes(what) : what.test(received)) && received,
        withinMs,
      ),
    closed: async (withinMs) => void (await until('the end of the connection', () => isClosed, withinMs)),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** The head of a POST with JSON, up to and with its empty line. */
export function postHead(url: string, path: string, more: readonly string[]): string {
  const lines = [`POST ${path} HTTP/1.1`, `Host: ${new URL(url).host}`, 'Content-Type: application/json', ...more];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
