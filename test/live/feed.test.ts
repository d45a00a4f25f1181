/** What one browser is sent, with time passed by hand. Real browsers: test/browser. */
import { expect, test } from 'bun:test';
import { eventFrame, Feeds, type Fragments, messageFrame } from '#src/live/feed.ts';
import { FakeClock } from '../support/fake-clock.ts';

class Counting implements Fragments {
  rendered: string[] = [];
  readonly state = new Map<string, string>([
    ['a', '1'],
    ['b', '1'],
  ]);
  render(key: string): string {
    this.rendered.push(key);
    if (key === 'broken') throw new Error('broken');
    const value = this.state.get(key);
    return value === undefined ? '' : `<${key}>${value}`;
  }
  all = () => ['a', 'b'];
  isAlone = (key: string) => key === 'b';
}

function setUp() {
  const clock = new FakeClock();
  const fragments = new Counting();
  const faults: unknown[] = [];
  const feeds = new Feeds({
    topics: new Map([['page', fragments]]),
    clock,
    version: '1',
    log: (cause) => faults.push(cause),
  });
  return { clock, fragments, feeds, faults };
}

async function reader(feeds: Feeds) {
  const stream = feeds.open(['page']);
  if (!stream) throw new Error('no room');
  const source = stream.getReader();
  const next = async () => new TextDecoder().decode((await source.read()).value);
  return { next, cancel: () => source.cancel() };
}

test('a connection begins with the version and the state of everything', async () => {
  const { feeds } = setUp();
  const { next } = await reader(feeds);
  expect(await next()).toBe('event: hello\ndata: 1\n\n');
  expect(await next()).toBe('data: <a>1<b>1\n\n');
});

test('many changes within 100 ms become one message with the last state, rendered once for all browsers', async () => {
  const { clock, fragments, feeds } = setUp();
  const browsers = await Promise.all([reader(feeds), reader(feeds), reader(feeds)]);
  for (const { next } of browsers) await next().then(next);
  fragments.rendered = [];
  for (let count = 2; count <= 50; count += 1) {
    fragments.state.set('a', String(count));
    feeds.touch('page', 'a');
  }
  clock.advance(100);
  for (const { next } of browsers) expect(await next()).toBe('data: <a>50\n\n');
  expect(fragments.rendered).toEqual(['a']);
});

test('nothing is rendered and no timer runs while nobody looks', async () => {
  const { clock, fragments, feeds } = setUp();
  feeds.touch('page', 'a');
  expect([fragments.rendered.length, clock.armedCount]).toEqual([0, 0]);
  const { cancel } = await reader(feeds);
  feeds.touch('page', 'a');
  await cancel();
  expect([feeds.size, clock.armedCount]).toEqual([0, 0]);
});

test('a browser that does not read is owed one fragment a key, and gets the newest when it reads again', async () => {
  const { clock, fragments, feeds } = setUp();
  fragments.state.set('a', 'x'.repeat(100_000));
  const { next } = await reader(feeds);
  for (let count = 0; count < 1000; count += 1) {
    fragments.state.set('a', `${count}${'x'.repeat(100_000)}`);
    feeds.touch('page', 'a');
    clock.advance(100);
  }
  fragments.state.set('a', 'last');
  feeds.touch('page', 'a');
  clock.advance(100);
  const received: string[] = [];
  while (!received.at(-1)?.includes('last')) received.push(await next());
  expect(received.length).toBeLessThan(8);
});

test('markup that stands alone is not sent twice when nothing about it changed', async () => {
  const { clock, fragments, feeds } = setUp();
  const { next } = await reader(feeds);
  await next().then(next);
  for (const value of ['2', '2', '3']) {
    fragments.state.set('b', value);
    feeds.touch('page', 'b');
    clock.advance(100);
  }
  expect(await next()).toBe('data: <b>2\n\n');
  expect(await next()).toBe('data: <b>3\n\n');
});

test('a heartbeat comes every 5 s', async () => {
  const { clock, feeds } = setUp();
  const { next } = await reader(feeds);
  await next().then(next);
  clock.advance(5000);
  expect(await next()).toBe('event: beat\ndata: \n\n');
});

test('a fragment that cannot be rendered does not keep the others back', async () => {
  const { clock, feeds, faults } = setUp();
  const { next } = await reader(feeds);
  await next().then(next);
  feeds.touch('page', 'broken');
  feeds.touch('page', 'a');
  clock.advance(100);
  expect(await next()).toBe('data: <a>1\n\n');
  expect(faults).toHaveLength(1);
});

test('closing ends every stream and takes no new browser', async () => {
  const { feeds } = setUp();
  const { next } = await reader(feeds);
  await next().then(next);
  feeds.close();
  expect(await next()).toBe('');
  expect(feeds.open(['page'])).toBeNull();
});

test('S-28: no line end inside a fragment forges a field', () => {
  for (const end of ['\n', '\r', '\r\n']) {
    const frame = messageFrame(`<b>${end}event: notice${end}data: forged${end}${end}</b>`);
    expect(frame.split('\n').filter((line) => line !== '' && !line.startsWith('data: '))).toEqual([]);
    expect(eventFrame('notice', `a${end}event: b`)).toBe('event: notice\ndata: a\ndata: event: b\n\n');
  }
});

test('a topic of a family lives while somebody looks at it, and a change reaches all that are open', async () => {
  const opened: string[] = [];
  const family = {
    open: (name: string) => {
      opened.push(name);
      return name === 'none'
        ? null
        : { render: (key: string) => `<${name}>${key}`, all: () => ['all'], isAlone: () => true };
    },
  };
  const clock = new FakeClock();
  const feeds = new Feeds({
    topics: new Map(),
    families: new Map([['chat', family]]),
    clock,
    version: '1',
    log: () => {},
  });
  expect([feeds.knows('chat:none'), feeds.knows('other:a'), feeds.knows('chat:a')]).toEqual([false, false, true]);
  const source = feeds.open(['chat:a'])?.getReader();
  const next = async () => new TextDecoder().decode((await source?.read())?.value);
  expect([await next(), await next()]).toEqual(['event: hello\ndata: 1\n\n', 'data: <a>all\n\n']);
  feeds.touch('chat:b', 'x');
  feeds.touchFamily('chat', 'list');
  feeds.touch('chat:a', 'x');
  clock.advance(100);
  expect(await next()).toBe('data: <a>list<a>x\n\n');
  await source?.cancel();
  expect(feeds.isLookedAt('chat:a')).toBe(false);
  feeds.open(['chat:a']);
  expect(opened.filter((name) => name === 'a')).toHaveLength(3);
});

test('who came while something was another than was sent last is told when it is the old again', async () => {
  const { clock, fragments, feeds } = setUp();
  const first = await reader(feeds);
  await first.next().then(first.next);
  fragments.state.set('b', '2');
  feeds.touch('page', 'b');
  clock.advance(100);
  expect(await first.next()).toBe('data: <b>2\n\n');
  // Nobody was told of this, since it came without an event; the second browser finds it.
  fragments.state.set('b', '3');
  const second = await reader(feeds);
  await second.next();
  expect(await second.next()).toBe('data: <a>1<b>3\n\n');
  fragments.state.set('b', '2');
  feeds.touch('page', 'b');
  clock.advance(100);
  expect(await second.next()).toBe('data: <b>2\n\n');
});
