/**
 * The second host of the fake hub, where large files come from: a raw socket server, so that it can cut a connection at
 * any byte, which a well-behaved HTTP server will not.
 */
import { createServer, type Socket } from 'node:net';

/** How the bytes of a file are sent wrongly. Offsets are counted in the file. */
export type ContentFault =
  /** The connection breaks after so many bytes of the answer's body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The answer says it is complete, with fewer bytes than asked for. */
  | { readonly kind: 'short'; readonly afterBytes: number }
  | { readonly kind: 'flip'; readonly atByte: number }
  | { readonly kind: 'slow'; readonly bytesPerS: number }
  /** Nothing more comes after so many bytes, and the connection stays open. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** 200 with everything, whatever part was asked for. */
  | { readonly kind: 'whole' }
  /** 206 that says another part than was asked for. */
  | { readonly kind: 'wrong-range' }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export type ContentAsked = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
};

export type ContentHost = {
  readonly origin: string;
  readonly asked: readonly ContentAsked[];
  close(): Promise<void>;
};

const PIECE_BYTES = 64 * 1024;
const HEAD_BYTES_MAX = 64 * 1024;

/** Serves what `bytesOf` finds at a path; `faultOf` is asked once for each request. */
export async function contentHost(
  bytesOf: (path: string) => Uint8Array | null,
  faultOf: (path: string) => ContentFault | null,
): Promise<ContentHost> {
  const asked: ContentAsked[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let head = '';
    socket.on('data', (data) => {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) {
        if (head.length > HEAD_BYTES_MAX) socket.destroy();
        return;
      }
      const request = parsed(head);
      head = '';
      asked.push(request);
      // A host that is not the hub has no business with the hub's token.
      if (request.headers.authorization !== undefined) socket.destroy();
      else void answer(socket, request, bytesOf(request.path), faultOf(request.path));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The content host has no port.');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function parsed(head: string): ContentAsked {
  const [line = '', ...rest] = (head.split('\r\n\r\n')[0] ?? '').split('\r\n');
  const headers = rest.map((header) => {
    const at = header.indexOf(':');
    return [header.slice(0, at).toLowerCase(), header.slice(at + 1).trim()] as const;
  });
  return { path: decodeURIComponent(line.split(' ')[1]?.split('?')[0] ?? '/'), headers: Object.fromEntries(headers) };
}

async function answer(
  socket: Socket,
  { headers: given }: ContentAsked,
  bytes: Uint8Array | null,
  fault: ContentFault | null,
): Promise<void> {
  if (fault?.kind === 'status') return end(socket, fault.status, fault.headers ?? {});
  if (bytes === null) return end(socket, 404, {});
  const etag = `"${new Bun.CryptoHasher('sha256').update(bytes).digest('hex').slice(0, 32)}"`;
  const range = fault?.kind === 'whole' ? null : /^bytes=(\d+)-(\d*)$/.exec(given.range ?? '');
  const from = range ? Number(range[1]) : 0;
  const to = Math.min(range?.[2] ? Number(range[2]) : bytes.length - 1, bytes.length - 1);
  if (range && from >= bytes.length) return end(socket, 416, { 'content-range': `bytes */${bytes.length}` });
  const shift = fault?.kind === 'wrong-range' ? 1 : 0;
  const isShort = fault?.kind === 'short';
  const length = isShort ? Math.min(fault.afterBytes, to - from + 1) : to - from + 1;
  const range206 = range ? { 'content-range': `bytes ${from + shift}-${to + shift}/${bytes.length}` } : {};
  writeHead(socket, range ? 206 : 200, {
    etag,
    'accept-ranges': 'bytes',
    'content-length': String(length),
    ...range206,
  });
  await sendBody(socket, bytes, from, length, fault);
}

async function sendBody(
  socket: Socket,
  bytes: Uint8Array,
  from: number,
  length: number,
  fault: ContentFault | null,
): Promise<void> {
  const stopsAt = fault?.kind === 'cut' || fault?.kind === 'stall' ? Math.min(fault.afterBytes, length) : length;
  const piece = fault?.kind === 'slow' ? Math.max(1, Math.floor(fault.bytesPerS / 20)) : PIECE_BYTES;
  for (let sent = 0; sent < stopsAt && !socket.destroyed; sent += piece) {
    const part = bytes.slice(from + sent, from + Math.min(sent + piece, stopsAt));
    const at = fault?.kind === 'flip' ? fault.atByte - (from + sent) : -1;
    if (at >= 0 && at < part.length) part[at] = (part[at] ?? 0) ^ 1;
    await new Promise<void>((resolve) => socket.write(part, () => resolve()));
    if (fault?.kind === 'slow') await Bun.sleep(50);
  }
  if (fault?.kind === 'cut') socket.destroy();
  else if (fault?.kind !== 'stall') socket.end();
}

function writeHead(socket: Socket, status: number, headers: Readonly<Record<string, string>>): void {
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} Said\r\n${lines.join('')}\r\n`);
}

function end(socket: Socket, status: number, headers: Readonly<Record<string, string>>): void {
  writeHead(socket, status, { 'content-length': '0', ...headers });
  socket.end();
}
