// The watch over an engine that somebody else started, on a fake clock: how often it looks, what it takes note of,
// whom it does not ask. The engines are real servers; processes that are ended: whole-flow.test.ts.
import { afterEach, expect, test } from 'bun:test';
import { externalSupervisors } from '#src/external/external-supervisor.ts';
import { OwnPlaces } from '#src/external/own-places.ts';
import { Places } from '#src/external/places.ts';
import { processAt } from '#src/external/watch.ts';
import type { Endpoint, EngineKind, Model } from '#src/models/model.ts';
import type { ServedFacts } from '#src/models/registry.ts';
import type { ModelState, Supervisor } from '#src/supervision/model-state.ts';
import { SocketEngineClient } from '#src/transport/client.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

type Answering = (path: string, request: Request) => Response | Promise<Response>;

/** A server whose answers may change, that can go and come back on its port. */
class House {
  answer: Answering;
  readonly asked: string[] = [];
  readonly port: number;
  #server: Bun.Server<undefined>;

  constructor(answer: Answering) {
    this.answer = answer;
    this.#server = this.#listen(0);
    this.port = this.#server.port ?? 0;
    closers.push(() => this.leave());
  }

  leave(): void {
    void this.#server.stop(true);
  }

  comeBack(): void {
    this.#server = this.#listen(this.port);
  }

  #listen(port: number) {
    return Bun.serve({
      hostname: '127.0.0.1',
      port,
      fetch: (request) => {
        const { pathname } = new URL(request.url);
        this.asked.push(pathname);
        return this.answer(pathname, request);
      },
    });
  }
}

const NOT_FOUND = () => new Response('no', { status: 404 });
const listing = (...ids: string[]) => Response.json({ data: ids.map((id) => ({ id, owned_by: 'vllm' })) });
const serving =
  (...ids: string[]): Answering =>
  (path) =>
    path === '/v1/models' ? listing(...ids) : NOT_FOUND();
const llama =
  (contextTokens: number, template = ''): Answering =>
  (path) => {
    const props = { default_generation_settings: { n_ctx: contextTokens }, total_slots: 2, model_alias: 'some' };
    if (path === '/props') return Response.json({ ...props, chat_template: template });
    return path === '/v1/models' ? listing('some') : NOT_FOUND();
  };

type Watch = {
  readonly clock: FakeClock;
  readonly supervisor: Supervisor;
  readonly states: ModelState[];
  readonly described: ServedFacts[];
  readonly lines: string[];
  readonly own: OwnPlaces;
  isBusy: boolean;
  key: string;
  addresses: readonly string[];
  /** Lets time pass until the next look, and answers how long that was. */
  next(): number;
};

function watch(house: House, engine: EngineKind = 'openai', hostname = '127.0.0.1', modelName = 'some'): Watch {
  const clock = new FakeClock();
  const client = new SocketEngineClient();
  const endpoint: Endpoint = { baseUrl: `http://${hostname}:${house.port}`, engine, modelName };
  const model: Model = { ...someModel(''), id: 'some', endpoint };
  const watched: Omit<Watch, 'supervisor'> = {
    ...{ clock, states: [], described: [], lines: [], isBusy: false, key: '', addresses: ['127.0.0.1'] },
    own: new OwnPlaces(() => []),
    next: () => {
      const beforeMs = clock.monotonicMs();
      clock.advanceToNext();
      return clock.monotonicMs() - beforeMs;
    },
  };
  const make = externalSupervisors({
    ...{ clock, client, places: new Places(client), own: watched.own },
    logs: { append: (_source, line) => void watched.lines.push(line) },
    keys: { keyFor: () => result.key },
    lookUp: async () => result.addresses,
    findModel: () => model,
    describe: (_modelId, facts) => void watched.described.push(facts),
    launchFor: () => someLaunch(),
    isBusy: () => result.isBusy,
  });
  const supervisor = make('some', (state) => void watched.states.push(state));
  const result: Watch = { ...watched, supervisor };
  closers.push(() => {
    supervisor.stop('shutdown');
    client.close();
  });
  return result;
}

/** Fires the next look, and waits until it is over: another one is armed. */
async function looked(one: Watch): Promise<number> {
  const waitedMs = one.next();
  await waitUntil('the look is over', () => one.clock.armedCount > 0);
  return waitedMs;
}

const roomOf = ({ supervisor: { state } }: Watch) =>
  state.phase === 'ready' ? [state.contextTokens, state.slots] : [state.phase];

test('what is gone is looked for after 1, 2, 4 … seconds, at most every half minute, and said once', async () => {
  const house = new House(serving('some'));
  const one = watch(house);
  expect(await looked(one)).toBe(0);
  expect(one.supervisor.state.phase).toBe('ready');
  house.leave();
  const waitsMs: number[] = [];
  for (let look = 0; look < 9; look += 1) waitsMs.push(await looked(one));
  // The first of them found it gone, five seconds after it was seen.
  const wanted = [5, 1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1000);
  for (const [at, waitedMs] of waitsMs.entries()) {
    expect(waitedMs).toBeWithin((wanted[at] ?? 0) * 0.8, (wanted[at] ?? 0) * 1.2 + 1);
  }
  expect(one.states.map(({ phase }) => phase)).toEqual(['ready', 'failed']);
  house.comeBack();
  await looked(one);
  expect(one.supervisor.state.phase).toBe('ready');
  expect(await looked(one)).toBeWithin(4_000, 6_001);
});

test('a start looks at once, and a look that hangs is not doubled', async () => {
  const house = new House(serving('some'));
  house.leave();
  const one = watch(house);
  await looked(one);
  await looked(one);
  house.comeBack();
  const held = Promise.withResolvers<void>();
  house.answer = async (path) => {
    await held.promise;
    return serving('some')(path, new Request('http://x'));
  };
  one.supervisor.start({ ...someModel(''), id: 'some' }, {});
  one.next();
  await waitUntil('it was asked', () => house.asked.length === 1);
  one.supervisor.start({ ...someModel(''), id: 'some' }, {});
  one.clock.advance(60_000);
  expect(house.asked).toEqual(['/v1/models']);
  held.resolve();
  await waitUntil('it is found', () => one.supervisor.state.phase === 'ready');
});

test('an engine that was started anew with another context is shown with that one', async () => {
  const house = new House(llama(4096));
  const one = watch(house, 'llama.cpp');
  await looked(one);
  expect(roomOf(one)).toEqual([4096, 2]);
  house.answer = llama(8192, '{% if tools %}{{ tools }}{% endif %}');
  await looked(one);
  expect(roomOf(one)).toEqual([8192, 2]);
  expect(one.described.map(({ capabilities: { tools } }) => tools)).toEqual([false, true]);
  const before = one.states.length;
  await looked(one);
  expect(one.states.length).toBe(before);
});

test('a key that was given later is used from then on', async () => {
  const house = new House(serving('some'));
  const one = watch(house);
  await looked(one);
  one.key = 'sesame';
  await looked(one);
  expect(one.supervisor.state).toMatchObject({ phase: 'ready', apiKey: 'sesame' });
});

test('mlx-vlm is there while it has loaded nothing', async () => {
  const health = (loaded: string | null) => Response.json({ status: 'healthy', loaded_model: loaded });
  const house = new House((path) => (path === '/health' ? health('some') : listing('some')));
  const one = watch(house, 'mlx-vlm');
  await looked(one);
  house.answer = (path) => (path === '/health' ? health(null) : listing('some'));
  await looked(one);
  await looked(one);
  expect(one.states.map(({ phase }) => phase)).toEqual(['ready']);
});

test('a connection that is refused once does not cut the answers that stream on', async () => {
  const house = new House(serving('some'));
  const one = watch(house);
  await looked(one);
  one.isBusy = true;
  house.leave();
  await looked(one);
  expect(one.supervisor.state.phase).toBe('ready');
  for (let look = 0; look < 3; look += 1) await looked(one);
  expect(one.supervisor.state.phase).toBe('failed');
});

test('nobody is asked on a port that has become Flow’s own: requests would go round', async () => {
  const house = new House(serving('some'));
  const one = watch(house);
  one.own.listenAt(house.port);
  await looked(one);
  expect(house.asked).toEqual([]);
  expect(one.supervisor.state).toMatchObject({
    phase: 'failed',
    report: { message: expect.stringContaining('itself') },
  });
});

test('a key is not sent in the open when its name has come to mean an address of the open net', async () => {
  const house = new House(serving('some'));
  const one = watch(house, 'openai', 'engine.test');
  one.key = 'sesame';
  await looked(one);
  expect(one.supervisor.state.phase).toBe('ready');
  house.leave();
  one.addresses = ['203.0.113.7'];
  await looked(one);
  await looked(one);
  expect(one.supervisor.state).toMatchObject({ report: { message: expect.stringContaining('not encrypted') } });
});

test('a name of 127.0.0.2 names no process: on 127.0.0.1 another one may listen there', async () => {
  const script =
    "const s = Bun.serve({hostname:'127.0.0.1',port:0,fetch:()=>new Response()});process.stdout.write(String(s.port));";
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' });
  closers.push(() => child.kill('SIGKILL'));
  const { value } = await child.stdout.getReader().read();
  const port = Number(Buffer.from(value ?? new Uint8Array()).toString());
  expect((await processAt(`http://127.0.0.1:${port}`, '127.0.0.1'))?.pid).toBe(child.pid);
  expect(await processAt(`http://127.0.0.2:${port}`, '127.0.0.2')).toBeNull();
});
