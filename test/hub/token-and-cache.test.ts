// The token's file and whom it is for; answers that are shared and grow old.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkedHubUrl, redirectTarget } from '#src/hub/addresses.ts';
import { inParallel } from '#src/hub/in-parallel.ts';
import { SharedAnswers } from '#src/hub/shared-answers.ts';
import { HubToken } from '#src/hub/token.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const HUB = 'https://hub.example';
const SECRET = 'hf_canary_0123456789';

describe('the token', () => {
  let folder: string;
  let path: string;
  let hidden: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flow-token-'));
    path = join(folder, 'hub-token.json');
    hidden = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const open = () => new HubToken({ path, protect: (secret) => void hidden.push(secret) });

  test('is kept in a file for this user alone, and is there after a restart', () => {
    const token = open();
    token.save(` ${SECRET}\n`, `${HUB}/mirror`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(token.edition).toBe(1);
    chmodSync(path, 0o644);
    expect(open().tokenFor(HUB)).toBe(SECRET);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(hidden).toEqual([SECRET, SECRET]);
  });

  test('is for the hub that it was given for, and no other', () => {
    const token = open();
    token.save(SECRET, HUB);
    expect(token.tokenFor('https://evil.example')).toBeNull();
    expect(token.tokenFor('http://hub.example')).toBeNull();
    expect(token.tokenFor(HUB)).toBe(SECRET);
  });

  test('removed is gone, file and all', () => {
    const token = open();
    token.save(SECRET, HUB);
    token.remove();
    token.remove();
    expect(token.tokenFor(HUB)).toBeNull();
    expect(existsSync(path)).toBeFalse();
  });

  test.each([null, 7, '', 'short', 'with space in it', 'a'.repeat(501), 'line\r\nX-Evil: 1'])(
    'cannot be %p',
    (value) => {
      const token = open();
      token.save(SECRET, HUB);
      expect(() => token.save(value, HUB)).toThrow('no access token');
      expect(token.tokenFor(HUB)).toBe(SECRET);
    },
  );

  test('is not taken for a hub that would get it unencrypted, unless that is here', () => {
    expect(() => open().save(SECRET, 'http://mirror.example')).toThrow('not encrypted');
    const token = open();
    token.save(SECRET, 'http://127.0.0.1:8000');
    expect(token.tokenFor('http://127.0.0.1:8000')).toBe(SECRET);
  });

  test('in a file that is damaged is none', () => {
    for (const text of ['', '{', '{"token":7}', '[]', `{"origin":"${HUB}","token":"a b"}`]) {
      writeFileSync(path, text);
      expect(open().tokenFor(HUB)).toBeNull();
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });
});

describe('addresses', () => {
  test.each(['ftp://hub', 'hub', '', 'https://user:pw@hub', 'https://hub/?q=1', 'file:///etc'])(
    '%p is no hub',
    (url) => {
      expect(() => checkedHubUrl(url)).toThrow('hub_url');
    },
  );
  test('a hub may have a path, and slashes at its end are nothing', () => {
    expect(checkedHubUrl('https://Mirror.example/hf//')).toBe('https://mirror.example/hf');
  });
  test.each([
    'http://cdn.example/x',
    'https://127.0.0.1/x',
    'https://localhost/x',
    'https://2130706433/x',
    'https://0x7f.1/x',
    'https://10.0.0.1/x',
    'https://192.168.1.1/x',
    'https://169.254.169.254/x',
    'https://[::1]/x',
    'https://[::ffff:169.254.169.254]/x',
    'https://[fd00::1]/x',
    'https://a:b@cdn.example/x',
    'ftp://cdn.example/x',
  ])('from a hub in the world nobody is sent to %s', (location) => {
    expect(() => redirectTarget(location, new URL(`${HUB}/a`), HUB)).toThrow('does not go');
  });
  test('from there on it goes to another encrypted host, or within the hub', () => {
    expect(redirectTarget('https://cdn.example/x?y', new URL(`${HUB}/a/b`), HUB).host).toBe('cdn.example');
    expect(redirectTarget('/c', new URL(`${HUB}/a/b`), HUB).href).toBe(`${HUB}/c`);
  });
});

describe('shared answers', () => {
  const never = new AbortController().signal;
  test('are asked for once by many, until they are old', async () => {
    const clock = new FakeClock();
    const answers = new SharedAnswers<number>(clock, 1_000);
    let asked = 0;
    const get = () => answers.get('key', never, async () => ++asked);
    expect(await Promise.all([get(), get(), get()])).toEqual([1, 1, 1]);
    clock.advance(1_000);
    expect(await get()).toBe(1);
    clock.advance(1);
    expect(await get()).toBe(2);
  });

  test('failures are not kept', async () => {
    const answers = new SharedAnswers<number>(new FakeClock(), 1_000);
    const failed = answers.get('key', never, () => Promise.reject(new Error('not now')));
    expect(failed).rejects.toThrow('not now');
    await failed.catch(() => {});
    expect(await answers.get('key', never, async () => 7)).toBe(7);
  });

  test('one who leaves leaves alone; the last one ends the question', async () => {
    const answers = new SharedAnswers<number>(new FakeClock(), 1_000);
    const [first, second] = [new AbortController(), new AbortController()];
    const ended: AbortSignal[] = [];
    const ask = (signal: AbortSignal) => {
      ended.push(signal);
      return Promise.withResolvers<number>().promise;
    };
    const one = answers.get('key', first.signal, ask).catch((cause) => cause.kind);
    const two = answers.get('key', second.signal, ask).catch((cause) => cause.kind);
    first.abort();
    expect(await one).toBe('cancelled');
    expect(ended.map(({ aborted }) => aborted)).toEqual([false]);
    second.abort();
    expect(await two).toBe('cancelled');
    expect(ended.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await answers.get('key', never, async () => 7)).toBe(7);
  });

  test('work in parallel keeps its order and its width', async () => {
    let [now, most] = [0, 0];
    const results = await inParallel([5, 1, 4, 2, 3], 2, async (item) => {
      most = Math.max(most, ++now);
      await Bun.sleep(item);
      now -= 1;
      return item * 2;
    });
    expect(results).toEqual([10, 2, 8, 4, 6]);
    expect(most).toBe(2);
  });
});
