/**
 * An engine that costs next to nothing: takes llama-server's command line, and answers every chat with the same tokens,
 * as fast as a socket takes them, one write a token as llama-server does. What a gateway adds then shows.
 *
 * A prompt that says `say 4 tokens` gets as many; `say 4 tokens, 20 per second` gets them at that pace, each with the
 * moment at which it was written, in microseconds since 1970.
 */
import type { Socket } from 'bun';

const TOKENS = Number(process.env.FLAT_TOKENS ?? 512);
/** How fast each stream goes; 0 for as fast as the socket takes it. */
const TOKENS_PER_S = Number(process.env.FLAT_TOKENS_PER_S ?? 0);
/** Tokens of one stream before the others get their turn. */
const TURN_TOKENS = 16;

const flag = (name: string): string => process.argv[process.argv.indexOf(name) + 1] ?? '';
if (process.argv.includes('--version')) {
  process.stderr.write('version: 0.1.0-flat (build 1, commit f1a7000)\n');
  process.exit(0);
}
if (process.argv.includes('--help')) process.exit(0);

const slots = Number(flag('--parallel') || 512);
const head = {
  created: 1_790_000_000,
  id: 'chatcmpl-FlatEngineFlatEngineFlatEngine12',
  model: flag('--alias') || 'flat',
};
const tail = { system_fingerprint: 'b1-f1a7000', object: 'chat.completion.chunk' };
const framed = (choice: object, rest: object = {}): string => {
  const data = `data: ${JSON.stringify({ choices: [choice], ...head, ...tail, ...rest })}\n\n`;
  return `${data.length.toString(16)}\r\n${data}\r\n`;
};
const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nkeep-alive: timeout=5\r\n\r\n';
const progress = { total: 20, cache: 0, processed: 20, time_ms: 0 };
const role = { finish_reason: null, index: 0, delta: { role: 'assistant', content: null } };
/** Written anew each time, as any engine must: bytes made before had one stream at 680,000 tokens a second. */
const token = (content: string): Buffer => Buffer.from(framed({ finish_reason: null, index: 0, delta: { content } }));
const timings = {
  cache_n: 0,
  prompt_n: 20,
  prompt_ms: 1,
  prompt_per_second: 20_000,
  predicted_n: TOKENS,
  predicted_ms: 1,
};
const finish = framed({ finish_reason: 'stop', index: 0, delta: {} }, { timings });
const last = `${finish}e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n`;

type Stream = {
  received: string;
  left: number;
  /** 0 for as fast as the socket takes them. */
  tokensPerS: number;
  pending: Buffer | null;
  isAnswering: boolean;
};

const KEYLESS = 'HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n';

function json(socket: Socket<Stream>, value: unknown): void {
  const body = JSON.stringify(value);
  socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
}

/** Sends what it can; what the socket does not take waits for the drain. */
function send(socket: Socket<Stream>, bytes: Buffer): boolean {
  const written = socket.write(bytes);
  if (written === bytes.length) return true;
  socket.data.pending = bytes.subarray(Math.max(0, written));
  return false;
}

function go(socket: Socket<Stream>): void {
  const stream = socket.data;
  const turnTokens = stream.tokensPerS > 0 ? 1 : TURN_TOKENS;
  for (let turn = 0; turn < turnTokens && stream.left > 0; turn += 1) {
    stream.left -= 1;
    if (!send(socket, token(stream.tokensPerS > 0 ? stamp() : ' token'))) return;
  }
  if (stream.left > 0 && stream.tokensPerS > 0) setTimeout(go, 1000 / stream.tokensPerS, socket);
  else if (stream.left > 0) setImmediate(go, socket);
  else {
    stream.isAnswering = false;
    send(socket, Buffer.from(last));
  }
}

function answer(socket: Socket<Stream>, path: string, body: string): void {
  // Flow asks for them without the key, to see that it is its own engine: one that refuses.
  if (path === '/metrics') {
    send(socket, Buffer.from(KEYLESS));
    return;
  }
  if (!path.startsWith('/v1/')) {
    json(socket, { status: 'ok', default_generation_settings: { n_ctx: 4096 }, total_slots: slots });
    return;
  }
  const [, tokens = TOKENS, tokensPerS = TOKENS_PER_S] = /say (\d+) tokens(?:, (\d+) per second)?/.exec(body) ?? [];
  if (!body.includes('"stream":true')) {
    json(socket, wholeOf(Number(tokens)));
    return;
  }
  const wantsProgress = body.includes('"return_progress":true');
  const opening = HEAD + (wantsProgress ? framed(role, { prompt_progress: progress }) : '') + framed(role);
  Object.assign(socket.data, { left: Number(tokens), tokensPerS: Number(tokensPerS), isAnswering: true });
  if (send(socket, Buffer.from(opening))) go(socket);
}

function stamp(): string {
  return ` ${Math.round((performance.timeOrigin + performance.now()) * 1000)}`;
}

function wholeOf(tokens: number): object {
  const message = { role: 'assistant', content: ' token'.repeat(tokens) };
  const choices = [{ finish_reason: 'stop', index: 0, message }];
  const usage = { completion_tokens: tokens, prompt_tokens: 20, total_tokens: tokens + 20 };
  return { choices, ...head, ...tail, object: 'chat.completion', usage, timings };
}

Bun.listen<Stream>({
  hostname: '127.0.0.1',
  port: Number(flag('--port')),
  socket: {
    open(socket) {
      socket.data = { received: '', left: 0, tokensPerS: 0, pending: null, isAnswering: false };
    },
    data(socket, bytes) {
      const stream = socket.data;
      stream.received += bytes.toString('latin1');
      const end = stream.received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(stream.received.slice(0, end))?.[1] ?? 0);
      if (stream.received.length < end + 4 + length) return;
      const body = stream.received.slice(end + 4, end + 4 + length);
      const path = stream.received.split(' ', 2)[1] ?? '/';
      stream.received = stream.received.slice(end + 4 + length);
      answer(socket, path, body);
    },
    drain(socket) {
      const { pending, isAnswering } = socket.data;
      socket.data.pending = null;
      if (pending && !send(socket, pending)) return;
      if (isAnswering) go(socket);
    },
  },
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
