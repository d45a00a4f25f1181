/** The clients of a soak. Each does one thing and counts how it ended; a loop does it again and again. */
import type { Ending } from './tally.ts';
import { DOWNLOADED, type World } from './world.ts';

/** One thing that a client does; the signal ends the soak. */
export type Client = { readonly kind: string; readonly act: (world: World, signal: AbortSignal) => Promise<void> };

/** Nothing takes longer than this, waits for other models included. */
const ANSWER_MS_MAX = 120_000;
const CRASH_EVERY_MS = 60_000;

type Way = { readonly path: string; body(model: string, words: string): unknown; readonly end: RegExp };

const user = (content: string) => [{ role: 'user', content }];
/** Every protocol, each with what ends a good stream. */
const WAYS: readonly Way[] = [
  {
    path: '/v1/chat/completions',
    body: (model, words) => ({ model, stream: true, max_tokens: 60, messages: user(words) }),
    end: /data: \[DONE\]\s*$/,
  },
  {
    path: '/v1/messages',
    body: (model, words) => ({ model, stream: true, max_tokens: 60, messages: user(words) }),
    end: /event: message_stop\s/,
  },
  {
    path: '/v1/responses',
    body: (model, words) => ({ model, stream: true, store: false, max_output_tokens: 60, input: words }),
    end: /event: response\.(completed|incomplete)\s/,
  },
  {
    path: '/api/chat',
    body: (model, words) => ({ model, options: { num_predict: 60 }, messages: user(words) }),
    end: /"done":true/,
  },
];
/** How each protocol says that something went wrong. */
const TOLD = /"error":\s*[{"]|event: error|event: response\.failed/;

const pick = <T>(world: World, all: readonly T[]): T => {
  const found = all[Math.floor(world.random() * all.length)];
  if (found === undefined) throw new Error('There is nothing to pick from.');
  return found;
};

function post(world: World, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
  return fetch(world.flow.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'soak' },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
  });
}

/** A stream read to its end, in a protocol by chance. */
const stream: Client = {
  kind: 'stream',
  async act(world, signal) {
    const way = pick(world, WAYS);
    const response = await post(world, way.path, way.body(pick(world, world.models), 'plain'), signal);
    const text = await response.text();
    const isWhole = response.ok && way.end.test(text);
    const isTold = TOLD.test(text);
    if (isWhole === isTold) world.tally.count('stream', 'wrong', `${way.path} ${response.status} ${text.slice(-200)}`);
    else world.tally.count('stream', isWhole ? 'done' : 'told', wordsOf(text));
  },
};

/** A whole answer. */
const whole: Client = {
  kind: 'whole',
  async act(world, signal) {
    const body = { model: pick(world, world.models), max_tokens: 40, messages: user('plain') };
    const response = await post(world, '/v1/chat/completions', body, signal);
    const text = await response.text();
    const isDone = response.ok && text.includes('"finish_reason"');
    const ending: Ending = isDone ? 'done' : TOLD.test(text) ? 'told' : 'wrong';
    world.tally.count('whole', ending, isDone ? '' : wordsOf(text));
  },
};

/** A client that leaves somewhere between the queue and the middle of its answer. */
const cancel: Client = {
  kind: 'cancel',
  async act(world, signal) {
    const way = pick(world, WAYS);
    const leaving = new AbortController();
    const timer = setTimeout(() => leaving.abort(), world.random() * 800);
    try {
      const model = pick(world, world.models);
      const response = await post(
        world,
        way.path,
        way.body(model, 'endless'),
        AbortSignal.any([signal, leaving.signal]),
      );
      await response.text();
      world.tally.count('cancel', 'done');
    } catch (cause) {
      if (!leaving.signal.aborted) throw cause;
      world.tally.count('cancel', 'left');
    } finally {
      clearTimeout(timer);
    }
  },
};

/** An engine that is killed now and then. */
const crash: Client = {
  kind: 'crash',
  async act(world, signal) {
    await pause(CRASH_EVERY_MS * (0.5 + world.random()), signal);
    const { body } = await world.flow.json('/api/fleet');
    const states = (body.models as { state: { phase: string; pid?: number } }[]).map(({ state }) => state);
    const pids = states.flatMap(({ phase, pid }) => (phase === 'ready' && pid !== undefined ? [pid] : []));
    if (pids.length === 0) return;
    process.kill(pick(world, pids), 'SIGKILL');
    world.tally.count('crash', 'done');
  },
};

/** A model fetched, asked and deleted. */
const download: Client = {
  kind: 'download',
  async act(world, signal) {
    const { flow, tally } = world;
    const asked = await flow.json('/api/models/download', { hf_id: `${DOWNLOADED.repository}:Q8_0` });
    if (asked.status !== 202) return tally.count('download', 'wrong', `${asked.status} ${JSON.stringify(asked.body)}`);
    let state = '';
    for (let waits = 0; waits < 600 && !['complete', 'failed'].includes(state); waits += 1) {
      // Also when the run is over: what was begun is brought to its end.
      await Bun.sleep(100);
      state = String((await flow.json(`/api/downloads/${asked.body.id}`)).body.state);
    }
    if (state !== 'complete') return tally.count('download', 'wrong', `it ended as ${state}`);
    const body = { model: DOWNLOADED.modelId, max_tokens: 8, messages: user('plain') };
    await (await post(world, '/v1/chat/completions', body, signal)).text();
    await flow.json(`/api/models/${DOWNLOADED.modelId}/unload`, {});
    const removed = await removedModel(world, signal);
    tally.count('download', removed.status < 300 ? 'done' : 'wrong', JSON.stringify(removed.body));
    await pause(10_000, signal);
  },
};

/** A model that still runs is not deleted: that takes a moment after its unload. */
async function removedModel({ flow }: World, signal: AbortSignal): Promise<Awaited<ReturnType<typeof flow.json>>> {
  for (let waits = 0; ; waits += 1) {
    const removed = await flow.json(`/api/models/${DOWNLOADED.modelId}`, undefined, 'DELETE');
    if (removed.status !== 409 || waits > 100) return removed;
    await pause(100, signal);
  }
}

const PAGES = ['/', '/models', '/chat', '/telemetry', '/logs', '/settings'] as const;

/** A page opened, looked at for a while, and closed. */
const tab: Client = {
  kind: 'tab',
  async act(world, signal) {
    const path = pick(world, PAGES);
    const looking = AbortSignal.any([signal, AbortSignal.timeout(500 + world.random() * 4_000)]);
    const page = await fetch(world.flow.url + path, { headers: { accept: 'text/html' }, signal });
    const isPage = page.ok && (await page.text()).includes('</html>');
    world.tally.count('tab', isPage ? 'done' : 'wrong', `${path} ${page.status}`);
    const name = path === '/' ? 'monitor' : path.slice(1);
    const live = await fetch(`${world.flow.url}/live?page=${name}`, { signal: looking }).catch(() => null);
    await live?.text().catch(() => {});
  },
};

const RUBBISH: readonly [string, string][] = [
  ['/v1/chat/completions', '{"model":'],
  ['/v1/chat/completions', '{"model":"nobody","messages":[]}'],
  ['/v1/messages', '[]'],
  ['/v1/responses', 'null'],
  ['/api/chat', '{"messages":7}'],
  ['/v1/nothing', '{}'],
];

/** What no client should send. */
const rubbish: Client = {
  kind: 'rubbish',
  async act(world, signal) {
    const [path, body] = pick(world, RUBBISH);
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(world.flow.url + path, { method: 'POST', headers, body, signal });
    await response.text();
    const isRefused = response.status >= 400 && response.status < 500;
    world.tally.count('rubbish', isRefused ? 'told' : 'wrong', `${path} ${response.status}`);
  },
};

const LOOKS = [
  '/metrics',
  '/api/models',
  '/api/telemetry?limit=100',
  '/api/logs',
  '/api/requests',
  '/v1/models',
] as const;

/** A script that looks, and changes a setting now and then. */
const look: Client = {
  kind: 'look',
  async act(world, signal) {
    const path = pick(world, LOOKS);
    const response = await fetch(world.flow.url + path, { signal });
    await response.text();
    world.tally.count('look', response.ok ? 'done' : 'wrong', `${path} ${response.status}`);
    if (world.random() > 0.1) return;
    const changed = await world.flow.json(
      '/api/settings',
      { queue_limit: 100 + Math.floor(world.random() * 100) },
      'PUT',
    );
    world.tally.count('change', changed.status < 300 ? 'done' : 'wrong', JSON.stringify(changed.body));
  },
};

/** As many clients as asked for, in the proportions of a busy machine; every kind is there from ten on. */
export function crew(count: number): readonly Client[] {
  const twenty = [stream, tab, cancel, crash, download, stream, whole, rubbish, look, stream];
  const more = [cancel, stream, tab, whole, stream, cancel, stream, stream, tab, stream];
  const all = [...twenty, ...more];
  return Array.from({ length: count }, (_, index) => all[index % all.length] ?? stream);
}

/**
 * Does it again and again until the signal comes; what no client should meet is counted as wrong. `pauseMs` is asked
 * before each pause, which is that long on average.
 */
export async function work(client: Client, world: World, pauseMs: () => number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await client.act(world, signal);
    } catch (cause) {
      if (!signal.aborted) world.tally.count(client.kind, 'wrong', String(cause));
    }
    await pause(pauseMs() * 2 * world.random(), signal);
  }
}

/** Waits; the signal ends it early. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** The kind of an error, or its first words. */
function wordsOf(text: string): string {
  return /"(?:code|kind|type)":\s*"(\w[\w-]*)"[^{}]*\}?\s*\}?\s*$/.exec(text)?.[1] ?? text.slice(-80).trim();
}
