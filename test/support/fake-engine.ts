/**
 * A program that is a backend: takes llama-server's command line and answers as llama-server does, without a model.
 * Its behaviour: fake-engine-behaviour.ts. With FAKE_ENGINE_LOG=<file> it appends one JSON line per start, ready,
 * request begin, end and abort (with the phase), and end of the process asked for on the tether.
 */
import { appendFileSync, writeSync } from 'node:fs';
import { hang, type Job, type Phase, streamed, whole } from './fake-engine-answer.ts';
import { type FakeRequest, type FakeStart, readArguments, readBehaviour } from './fake-engine-behaviour.ts';
import { errorAnswer, modelList } from './fake-engine-shapes.ts';

const call = readArguments(process.argv.slice(2));
if (call.wantsVersion) {
  const version = process.env.FAKE_ENGINE_VERSION ?? '0.1.0-fake (build 1, commit fake000)';
  process.stderr.write(`version: ${version}\nbuilt with Bun\n`);
  process.exit(0);
}
if (process.argv.includes('--help')) process.exit(0);
const start = readBehaviour(process.env, call);
const slots = start.slots ?? call.parallel;
const contextTokens = start.n_ctx ?? (call.kvUnified ? call.contextTokens : Math.floor(call.contextTokens / slots));
const logPath = process.env.FAKE_ENGINE_LOG;
const apiKey = process.env.LLAMA_API_KEY ?? '';
const isTethered = process.env.LLAMA_SERVER_ROUTER_PORT !== undefined && !start.no_tether;
const startedMs = performance.now();

let isReady = false;
let requests = 0;
let inFlight = 0;
let highWater = 0;
let tokensServed = 0;
const slotQueue: (() => void)[] = [];
let busySlots = 0;

function record(event: string, more: object = {}): void {
  if (!logPath) return;
  const line = { event, pid: process.pid, port: call.port, model: call.alias, at_ms: Date.now(), ...more };
  appendFileSync(logPath, `${JSON.stringify({ ...line, in_flight: inFlight, high_water: highWater })}\n`);
}

/** stderr as llama-server writes it: elapsed time, level, function, text. Synchronous: nothing is lost at exit. */
function say(text: string, level = 'I'): void {
  const ms = Math.round(performance.now() - startedMs);
  const stamp = `0.${String(Math.floor(ms / 1000)).padStart(2, '0')}.${String(ms % 1000).padStart(3, '0')}.000`;
  writeAll(2, `${stamp} ${level} srv  ${text}\n`);
}

/** Writes everything; a full pipe is waited for. */
function writeAll(fd: number, text: string): void {
  let bytes: Uint8Array = new TextEncoder().encode(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN')) return;
      Bun.sleepSync(1);
    }
  }
}

function tellRouter(state: object): void {
  if (isTethered) writeAll(1, `cmd_child_to_router:state:${JSON.stringify(state)}\n`);
}

function tellLoading(ratio: number): void {
  tellRouter({ state: 'loading', payload: { stages: ['text_model'], current: 'text_model', value: ratio } });
}

function end(exit: NonNullable<FakeStart['exit']>): never {
  if (exit.stderr) writeAll(2, exit.stderr.endsWith('\n') ? exit.stderr : `${exit.stderr}\n`);
  if (exit.signal) {
    process.kill(process.pid, exit.signal);
    Bun.sleepSync(1000);
  }
  process.exit(exit.code);
}

async function load(): Promise<void> {
  say(`load_model: loading model '${call.model}'`);
  const ms = start.ready_after_ms ?? 0;
  const steps = start.load_steps ?? 4;
  tellLoading(0);
  for (let step = 1; step <= steps && ms > 0; step += 1) {
    await Bun.sleep(ms / steps);
    tellLoading(step / steps);
  }
  if (start.never_ready) return;
  tellLoading(1);
  isReady = true;
  say('llama_server: model loaded');
  say(`llama_server: listening on http://${call.host}:${call.port}`);
  tellRouter({ state: 'ready', payload: modelList(call.alias, contextTokens) });
  record('ready');
  const exit = start.exit;
  if (exit?.after_ready_ms !== undefined) setTimeout(() => end(exit), exit.after_ready_ms);
}

/** The tether: the end of stdin, or the command, ends the process. */
async function listenToRouter(): Promise<void> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of Bun.stdin.stream()) {
    text += decoder.decode(bytes, { stream: true });
    if (!text.includes('cmd_router_to_child:exit')) continue;
    record('exit-command');
    if (!start.ignore_exit_command) process.exit(0);
    text = '';
  }
  record('stdin-closed');
  if (!start.ignore_eof) process.exit(1);
}

async function enterSlot(signal: AbortSignal): Promise<void> {
  if (busySlots < slots) {
    busySlots += 1;
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const admit = () => {
      busySlots += 1;
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const leave = () => {
      slotQueue.splice(slotQueue.indexOf(admit), 1);
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    slotQueue.push(admit);
  });
}

function leaveSlot(): void {
  busySlots -= 1;
  slotQueue.shift()?.();
}

/** One generation, from the body to the last byte. Recorded exactly once as ended or aborted. */
async function generate(request: Request, isChat: boolean): Promise<Response> {
  const body = await request.json().catch(() => null);
  if (body === null) return errorAnswer(500, 'server_error', '[json.exception.parse_error.101] parse error');
  const behaviour: FakeRequest = { ...start.request, ...body.fake };
  requests += 1;
  inFlight += 1;
  highWater = Math.max(highWater, inFlight);
  const number = requests;
  let phase: Phase = 'queued';
  let hasSlot = false;
  let isOver = false;
  const over = (event: 'request-end' | 'request-abort', detail?: string) => {
    if (isOver) return;
    isOver = true;
    inFlight -= 1;
    if (hasSlot) leaveSlot();
    record(event, { number, phase, ...(detail ? { detail } : {}) });
  };
  record('request-begin', { number, path: new URL(request.url).pathname, stream: body.stream === true, body });
  const job: Job = {
    head: { id: `chatcmpl-fake${number}`, createdS: Math.floor(Date.now() / 1000), model: call.alias },
    isChat,
    behaviour,
    tokensMax: firstNumber(body.max_completion_tokens, body.max_tokens, body.n_predict),
    promptTokens: countTokens(JSON.stringify(body.messages ?? body.prompt ?? '')),
    wantsProgress: body.return_progress === true && body.stream === true,
    wantsUsage: body.stream_options?.include_usage === true,
    signal: request.signal,
    enter: (next) => {
      phase = next;
    },
    crash: () => end({ code: 1, ...start.exit, signal: 'SIGABRT' }),
  };
  request.signal.addEventListener('abort', () => over('request-abort'), { once: true });
  try {
    await enterSlot(request.signal);
    hasSlot = true;
    job.enter('headers');
    if (behaviour.hang_before_headers) await hang(request.signal);
    if (behaviour.status) return failing(behaviour, () => over('request-end', `status ${behaviour.status}`));
    if (body.stream === true) return streaming(job, over);
    const answer = behaviour.raw ?? JSON.stringify(await whole(job));
    job.enter('done');
    over('request-end');
    return new Response(answer, { headers: { 'content-type': 'application/json; charset=utf-8' } });
  } catch (cause) {
    over('request-abort', String(cause));
    return errorAnswer(500, 'server_error', 'aborted');
  }
}

function failing(behaviour: FakeRequest, over: () => void): Response {
  over();
  const status = behaviour.status ?? 500;
  const body = behaviour.body ?? { error: { code: status, message: 'scripted failure', type: 'server_error' } };
  if (typeof body === 'string') return new Response(body, { status, headers: { 'content-type': 'text/html' } });
  return Response.json(body, { status });
}

function streaming(job: Job, over: (event: 'request-end' | 'request-abort', detail?: string) => void): Response {
  const source: Bun.DirectUnderlyingSource<Uint8Array> = {
    type: 'direct',
    async pull(controller: ReadableStreamDirectController) {
      const blocks = streamed(job);
      try {
        for await (const block of blocks) {
          const wrote = controller.write(block);
          if (typeof wrote === 'number') controller.flush();
          else await wrote;
          // Single bytes are of no use if the kernel joins them again.
          if (block.length === 1) await Bun.sleep(0);
          tokensServed += 1;
        }
      } catch (cause) {
        over(job.signal.aborted ? 'request-abort' : 'request-end', String(cause));
        throw cause;
      }
      job.enter('done');
      over('request-end');
      controller.close();
    },
    cancel: () => over('request-abort'),
  };
  return new Response(new ReadableStream(source as unknown as UnderlyingDefaultSource<Uint8Array>), {
    headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
  });
}

function firstNumber(...values: unknown[]): number | null {
  for (const value of values) if (typeof value === 'number' && value >= 0) return value;
  return null;
}

/** Four characters a token: the same for `input_tokens` and for usage. */
function countTokens(text: string): number {
  return Math.max(1, Math.ceil(text.length / 4));
}

function embedding(input: unknown): object {
  const inputs = Array.isArray(input) ? input : [input];
  const data = inputs.map((text, index) => {
    const raw = Array.from({ length: 8 }, (_, place) => Math.sin(Bun.hash.crc32(`${place}:${String(text)}`)));
    const norm = Math.hypot(...raw);
    return { embedding: raw.map((value) => value / norm), index, object: 'embedding' };
  });
  const prompt = countTokens(inputs.join(''));
  return { model: call.alias, object: 'list', usage: { prompt_tokens: prompt, total_tokens: prompt }, data };
}

function slotList(): object[] {
  return Array.from({ length: slots }, (_, id) => ({
    id,
    n_ctx: contextTokens,
    speculative: false,
    is_processing: id < busySlots,
  }));
}

function metrics(): Response {
  const text = [
    ['tokens_predicted_total', 'counter', tokensServed],
    ['requests_processing', 'gauge', busySlots],
    ['requests_deferred', 'gauge', slotQueue.length],
  ].map(
    ([name, type, value]) =>
      `# HELP llamacpp:${name} ${name}\n# TYPE llamacpp:${name} ${type}\nllamacpp:${name} ${value}\n`,
  );
  return new Response(text.join(''), { headers: { 'content-type': 'text/plain; version=0.0.4' } });
}

function properties(): object {
  return {
    default_generation_settings: { params: { max_tokens: -1, n_predict: -1 }, n_ctx: contextTokens },
    total_slots: slots,
    model_alias: call.alias,
    model_path: call.model,
    modalities: { vision: start.vision ?? false, video: false, audio: false },
    chat_template: '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}',
    build_info: 'b1-fake000',
    is_sleeping: false,
  };
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const path = pathname.replace(/^\/v1(?=\/)/, '');
  const isPublic = path === '/health' || path === '/models';
  if (apiKey && !isPublic && request.headers.get('authorization') !== `Bearer ${apiKey}`) {
    return errorAnswer(401, 'authentication_error', 'Invalid API Key');
  }
  if (!isReady) return errorAnswer(503, 'unavailable_error', 'Loading model');
  if (request.method === 'GET') {
    if (path === '/health') return Response.json({ status: 'ok' });
    if (path === '/props') return Response.json(properties());
    if (path === '/slots') return Response.json(slotList());
    if (path === '/models') return Response.json(modelList(call.alias, contextTokens));
    if (path === '/metrics') return metrics();
    return errorAnswer(404, 'not_found_error', 'File Not Found');
  }
  if (path === '/chat/completions') return generate(request, true);
  if (path === '/completions') return generate(request, false);
  const body = await request.json().catch(() => ({}));
  if (path === '/chat/completions/input_tokens') {
    const tokens = countTokens(JSON.stringify(body.messages ?? ''));
    return Response.json({ input_tokens: tokens, object: 'response.input_tokens' });
  }
  if (path === '/embeddings') return Response.json(embedding(body.input));
  if (path === '/tokenize')
    return Response.json({ tokens: [...String(body.content ?? '')].map((c) => c.charCodeAt(0)) });
  if (path === '/rerank') {
    const documents: unknown[] = Array.isArray(body.documents) ? body.documents : [];
    const results = documents.map((_, index) => ({ index, relevance_score: 1 / (index + 1) }));
    return Response.json({ model: call.alias, object: 'list', usage: { prompt_tokens: 1, total_tokens: 1 }, results });
  }
  return errorAnswer(404, 'not_found_error', 'File Not Found');
}

/** An answer without a length: its end and its loss look alike. */
function serveCloseDelimited(tokens: number): void {
  Bun.listen({
    hostname: call.host,
    port: call.port,
    socket: {
      data: (socket, bytes) => {
        const isHealth = bytes.toString().startsWith('GET');
        const type = isHealth ? 'application/json' : 'text/event-stream';
        const event = 'data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" cut"}}]}\n\n';
        const facts = JSON.stringify({ status: 'ok', ...properties() });
        const text = isHealth ? facts : event.repeat(tokens);
        socket.end(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\nconnection: close\r\n\r\n${text}`);
      },
    },
  });
}

/** Floods stderr from a thread of its own, so that answers go on. */
function flood(mbPerS: number, hasNewlines: boolean): void {
  const source = `
    const { writeSync } = require('node:fs');
    const line = 'flood '.repeat(20) + ${hasNewlines ? "'\\n'" : "' '"};
    const block = Buffer.from(line.repeat(Math.ceil(65536 / line.length)));
    const startedMs = performance.now(); let written = 0;
    for (;;) {
      const due = (performance.now() - startedMs) * ${mbPerS * 1000};
      if (written > due) { Bun.sleepSync(1); continue; }
      try { written += writeSync(2, block); } catch (cause) { if (cause.code !== 'EAGAIN') break; Bun.sleepSync(1); }
    }`;
  new Worker(URL.createObjectURL(new Blob([source], { type: 'application/javascript' })));
}

function serve(): void {
  if (start.close_delimited) {
    serveCloseDelimited(start.close_delimited.tokens);
    return;
  }
  try {
    Bun.serve({
      hostname: call.host,
      port: call.port,
      reusePort: false,
      idleTimeout: 0,
      maxRequestBodySize: 1 << 30,
      development: false,
      fetch: answer,
      error: () => errorAnswer(500, 'server_error', 'fake engine error'),
    });
  } catch {
    say(`start: couldn't bind HTTP server socket, hostname: ${call.host}, port: ${call.port}`, 'E');
    say('llama_server: exiting due to HTTP server error', 'E');
    process.exit(1);
  }
}

process.on('unhandledRejection', () => {});
record('start', { argv: process.argv.slice(2) });
if (start.ignore_term) process.on('SIGTERM', () => record('term-ignored'));
if (isTethered) void listenToRouter();
if (start.fork_grandchild) Bun.spawn(['sleep', '1000'], { stdio: ['ignore', 'inherit', 'inherit'] });
if (start.huge_line_bytes) writeAll(2, `${'x'.repeat(start.huge_line_bytes)}\n`);
if (start.log_flood_mb_per_s) flood(start.log_flood_mb_per_s, !start.log_flood_without_newlines);
if (start.load_line_every_ms) setInterval(() => isReady || say('load_model: still loading'), start.load_line_every_ms);
const ballast = new Uint8Array((start.rss_mb ?? 0) * 1_000_000).fill(1);
if (start.exit && start.exit.after_ready_ms === undefined) {
  const exit = start.exit;
  setTimeout(() => end(exit), exit.after_ms ?? 0);
}
// A start that is told to fail never listens; one that fails later does until then.
if (!(start.exit && start.exit.after_ready_ms === undefined && !start.exit.after_ms)) {
  serve();
  await load();
}
setInterval(() => ballast.length, 1 << 30);
