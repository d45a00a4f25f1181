/** GET /api/events and /ws: what listeners are told. The HTML feed has its own test. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import { Changes } from '#src/live/changes.ts';
import { EventStreams, eventRoutes } from '#src/live/events.ts';
import { SocketFeed, socketRoutes } from '#src/live/socket.ts';
import type { LiveSource } from '#src/live/wire.ts';
import { RequestTracker } from '#src/requests/tracker.ts';
import type { FleetSnapshot } from '#src/scheduling/lease.ts';
import { openSettings } from '#src/settings/store.ts';
import { FrameReader } from '#src/stream/frames.ts';
import { completed, HEAD } from '#test/requests/heads.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { ENGINE_SECRET, fleetOf, idleModel, readyModel } from '#test/support/fleet-snapshots.ts';

type Told = { readonly event: string | null; readonly data: Record<string, unknown> };

let clock: FakeClock;
let bus: Bus;
let tracker: RequestTracker;
let fleet: FleetSnapshot;
let source: LiveSource;
let streams: EventStreams;

beforeEach(async () => {
  clock = new FakeClock();
  bus = new Bus();
  tracker = new RequestTracker({ clock, bus, record: () => {} });
  fleet = fleetOf([readyModel('tiny'), idleModel('other')]);
  const settings = await openSettings({
    path: '/absent/settings.json',
    bus,
    clock,
    overrides: {},
    modelsDirDefault: '/m',
  });
  source = {
    clock,
    fleet: () => fleet,
    tracker,
    settings: () => settings.current,
    downloads: { list: () => [], find: () => null },
  };
  streams = new EventStreams({ bus, source });
});
afterEach(() => streams.close());

/** Reads one piece of a stream as frames; comments show as event ':'. */
function readerOf(stream: ReadableStream<Uint8Array> | null) {
  const reader = stream?.getReader();
  const frames = new FrameReader();
  return {
    cancel: () => reader?.cancel(),
    async read(): Promise<Told[] | null> {
      const piece = await reader?.read();
      if (!piece || piece.done) return null;
      if (new TextDecoder().decode(piece.value).startsWith(':')) return [{ event: ':', data: {} }];
      return frames.push(piece.value).map(({ event, data }) => ({ event, data: JSON.parse(data) }));
    },
  };
}

/** Lets promises run, then time. */
async function pass(ms: number): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  clock.advance(ms);
}

test('a stream begins with everything, and no engine key is in it', async () => {
  tracker.open(HEAD);
  const told = await readerOf(streams.open()).read();
  expect(told).toHaveLength(1);
  expect(told?.[0]).toMatchObject({
    event: 'snapshot',
    data: {
      requests: [{ stage: 'queued' }],
      models: [
        { model_id: 'tiny', phase: 'ready', port: 8081 },
        { model_id: 'other', phase: 'idle' },
      ],
      memory: { budget_bytes: 100_000 },
      settings: { port: 3377 },
    },
  });
  expect(JSON.stringify(told)).not.toContain(ENGINE_SECRET);
});

test('many changes of one thing within 100 ms are told once, with its newest state', async () => {
  const reader = readerOf(streams.open());
  await reader.read();
  const ticket = tracker.open(HEAD);
  clock.advance(20);
  await reader.read();
  ticket.resolved('tiny');
  ticket.sent();
  ticket.output(7);
  const next = reader.read();
  await pass(50);
  ticket.sending();
  await pass(60);
  expect(await next).toMatchObject([
    { event: 'request', data: { stage: 'sending', output_tokens: 7, model_id: 'tiny' } },
  ]);
});

test('silence is filled with a comment every five seconds', async () => {
  const reader = readerOf(streams.open());
  await reader.read();
  const next = reader.read();
  await pass(4_999);
  await pass(1);
  expect(await next).toEqual([{ event: ':', data: {} }]);
});

test('a thing that went is told as gone', async () => {
  const ticket = tracker.open(HEAD);
  const reader = readerOf(streams.open());
  await reader.read();
  ticket.settle(completed());
  clock.advance(10_000);
  expect(await reader.read()).toEqual([{ event: 'request-removed', data: { request_id: ticket.id } }]);
});

test('a listener that does not read costs bounded memory and is then told everything anew', async () => {
  const reader = readerOf(streams.open());
  await reader.read();
  for (let count = 0; count < 1_500; count += 1) tracker.open(HEAD).settle(completed());
  clock.advance(20);
  bus.publish({ type: 'notice', tone: 'info', text: 'Something.' });
  const told = await reader.read();
  expect(told?.map(({ event }) => event)).toEqual(['snapshot', 'notice']);
});

test('leaving ends the subscription, also before the first read, and closing ends all streams', async () => {
  const subscribers = bus.listenerCount;
  const never = streams.open();
  expect(bus.listenerCount).toBe(subscribers);
  await never?.cancel();
  const reader = readerOf(streams.open());
  await reader.read();
  expect(bus.listenerCount).toBe(subscribers + 1);
  await reader.cancel();
  expect([bus.listenerCount, streams.size]).toEqual([subscribers, 0]);
  const last = readerOf(streams.open());
  await last.read();
  const end = last.read();
  streams.close();
  expect(await end).toBeNull();
  expect(streams.open()).toBeNull();
});

test('Changes forgets what a thing was before it went', () => {
  let dirty = 0;
  using changes = new Changes({ bus, onDirty: () => (dirty += 1) });
  bus.publish({ type: 'model-changed', modelId: 'a' });
  bus.publish({ type: 'model-removed', modelId: 'a' });
  bus.publish({ type: 'log-line', source: 'a' });
  expect(changes.take()).toEqual({ isResync: false, events: [{ type: 'model-removed', modelId: 'a' }] });
  expect(dirty).toBe(1);
});

describe('the socket', () => {
  let sent: { type: string; data: Record<string, unknown>; ts?: number }[];
  let keepsUp: boolean;
  let feed: SocketFeed;
  const types = () => sent.map(({ type }) => type);

  beforeEach(() => {
    sent = [];
    keepsUp = true;
    feed = new SocketFeed({ bus, source }, (text) => {
      sent.push(JSON.parse(text));
      return keepsUp;
    });
  });
  afterEach(() => feed[Symbol.dispose]());

  test('says what the seed said of a request, and frees its slot', () => {
    expect(sent).toEqual([{ type: 'init', data: { requests: {} } }]);
    const ticket = tracker.open(HEAD);
    ticket.resolved('tiny');
    ticket.sent();
    clock.advance(120);
    expect(types()).toEqual(['init', 'request_update', 'slot_update', 'metrics_update']);
    expect(sent[1]).toMatchObject({ data: { request_id: ticket.id, stage: 'prefilling' }, ts: 1_750_000_000.12 });
    expect(sent[2]?.data).toEqual({ model_id: 'tiny', slot_id: 0, state: 'prefilling', progress: null });
    sent.length = 0;
    ticket.settle(completed());
    clock.advance(120);
    expect(types()).toEqual(['request_update', 'slot_update', 'metrics_update']);
    expect(sent[1]?.data).toEqual({ model_id: 'tiny', slot_id: 0, state: 'idle', progress: null });
    clock.advance(10_200);
    expect(sent.filter(({ type }) => type === 'request_removed')).toHaveLength(1);
  });

  test('tells a load and an unload once each', () => {
    fleet = fleetOf([readyModel('tiny'), readyModel('other')]);
    for (let change = 0; change < 3; change += 1) bus.publish({ type: 'model-changed', modelId: 'other' });
    bus.publish({ type: 'model-changed', modelId: 'tiny' });
    clock.advance(100);
    fleet = fleetOf([idleModel('tiny'), readyModel('other')]);
    bus.publish({ type: 'model-changed', modelId: 'tiny' });
    bus.publish({ type: 'model-removed', modelId: 'other' });
    clock.advance(100);
    expect(sent.filter(({ type }) => type.startsWith('model_'))).toMatchObject([
      { type: 'model_loaded', data: { model_id: 'other', port: 8081, pid: 4242 } },
      { type: 'model_unloaded', data: { model_id: 'tiny' } },
      { type: 'model_deleted', data: { model_id: 'other' } },
    ]);
    expect(JSON.stringify(sent)).not.toContain(ENGINE_SECRET);
  });

  test('waits for a client that does not keep up, and then tells only the newest', () => {
    keepsUp = false;
    const ticket = tracker.open(HEAD);
    clock.advance(120);
    sent.length = 0;
    for (let tokens = 1; tokens < 50; tokens += 1) {
      ticket.output(tokens);
      clock.advance(100);
    }
    expect(sent).toEqual([]);
    keepsUp = true;
    feed.drained();
    clock.advance(100);
    expect(types()).toEqual(['request_update']);
    expect(sent[0]?.data.output_tokens).toBe(49);
  });
});

test('both are reached through the front door', async () => {
  const live: LiveSource = { ...source, clock: systemClock };
  const own = new EventStreams({ bus, source: live });
  const keyOf = () => null;
  const app = new Elysia().use(eventRoutes({ streams: own, keyOf })).use(socketRoutes({ bus, source: live, keyOf }));
  app.listen({ port: 0, hostname: '127.0.0.1' });
  const port = app.server?.port;
  const subscribers = bus.listenerCount;
  try {
    const response = await fetch(`http://127.0.0.1:${port}/api/events`);
    expect(response.headers.get('content-type')).toStartWith('text/event-stream');
    const reader = readerOf(response.body);
    expect((await reader.read())?.[0]?.event).toBe('snapshot');
    const next = reader.read();
    tracker.open(HEAD);
    clock.advance(20);
    expect((await next)?.[0]?.event).toBe('request');

    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    const messages: string[] = [];
    const updated = Promise.withResolvers<void>();
    socket.onmessage = ({ data }) => {
      messages.push(JSON.parse(String(data)).type);
      if (messages.at(-1) === 'init') {
        tracker.open(HEAD);
        clock.advance(20);
      } else updated.resolve();
    };
    await updated.promise;
    expect(messages.slice(0, 2)).toEqual(['init', 'request_update']);
    socket.send('{"type":"subscribe"}');
    socket.close();
    await reader.cancel();
    for (let wait = 0; bus.listenerCount > subscribers && wait < 200; wait += 1) await Bun.sleep(10);
    expect(bus.listenerCount).toBe(subscribers);
  } finally {
    own.close();
    await app.stop(true);
  }
});
