// Where Flow connects to, and where never (S-33).
import { describe, expect, test } from 'bun:test';
import { addressesOf, checkedBaseUrl, isRefused } from '#src/external/addresses.ts';
import { asFault } from '#src/faults.ts';

const never = async (): Promise<string[]> => {
  throw new Error('asked a name server');
};

const kindOf = (baseUrl: string, lookUp = never): Promise<string> =>
  Promise.resolve()
    .then(() => addressesOf(checkedBaseUrl(baseUrl), lookUp))
    .then(
      (addresses) => addresses.join(' '),
      (cause) => asFault(cause).kind,
    );

describe('a base URL', () => {
  test.each([
    ['http://127.0.0.1:8080/v1/', 'http://127.0.0.1:8080'],
    ['HTTP://Localhost:8080', 'http://localhost:8080'],
    ['https://llm.example.org/api/v1', 'https://llm.example.org/api'],
    ['http://[::1]:8080/', 'http://[::1]:8080'],
    ['http://0x7f.1:80', 'http://127.0.0.1'],
  ])('%s has one spelling', (given, kept) => {
    expect(checkedBaseUrl(given)).toBe(kept);
  });

  test.each([
    'ftp://127.0.0.1',
    'file:///etc/passwd',
    'unix:///run/x.sock',
    '127.0.0.1:8080',
    'http://user:secret@127.0.0.1:8080',
    'http://127.0.0.1:8080/?target=x',
    'http://127.0.0.1:8080/#x',
    'http://[fe80::1%25eth0]:80',
    '',
  ])('%s is refused', (given) => {
    expect(() => checkedBaseUrl(given)).toThrow();
  });
});

describe('S-33: the metadata service and its like', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data',
    'http://0251.0376.0251.0376/',
    'http://0xa9fea9fe/',
    'http://0xA9.0xFE.0xA9.0xFE/',
    'http://2852039166/',
    'http://169.254.43518/',
    'http://169.16689662/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[64:ff9b:1::a9fe:a9fe]/',
    'http://[2002:a9fe:a9fe::]/',
    'http://[::169.254.169.254]/',
    'http://169。254。169。254/',
    'http://①⑥⑨.254.169.254/',
    'http://metadata.google.internal/',
    'http://metadata.google.internal./',
    'http://METADATA/',
    'http://[fd00:ec2::254]/',
    'http://100.100.100.200/',
    'http://168.63.129.16/',
    'http://192.0.0.192/',
    'http://[fe80::1]/',
    'http://[febf::1]/',
    'http://0.0.0.0:8080/',
    'http://0:8080/',
    'http://[::]:8080/',
    'http://[::ffff:0.0.0.0]:8080/',
    'http://224.0.0.1/',
    'http://[ff02::1]/',
    'http://255.255.255.255/',
    'http://[2001:0:1:1:1:1:5601:5601]/',
  ])('%s is refused without a look-up', async (given) => {
    expect(await kindOf(given)).toBe('forbidden');
  });

  test('S-33: a name is refused for any of its addresses', async () => {
    expect(await kindOf('http://rebind.test', async () => ['192.168.1.5', '169.254.169.254'])).toBe('forbidden');
  });

  test('what cannot be read as an address is refused', () => {
    for (const odd of ['', 'localhost', '1.2.3', 'fe80::1%eth0', '127.0.0.1/8']) expect(isRefused(odd)).toBe(true);
  });
});

describe('this machine and its networks', () => {
  test.each([
    ['http://127.0.0.1:8080', '127.0.0.1'],
    ['http://localhost:8080', '127.0.0.1 ::1'],
    ['http://[::1]:8080', '::1'],
    ['http://192.168.1.20:8000', '192.168.1.20'],
    ['http://10.0.0.7', '10.0.0.7'],
    ['http://100.101.102.103', '100.101.102.103'],
    ['http://[fd12:3456::1]:8080', 'fd12:3456::1'],
    ['http://[::ffff:127.0.0.1]:8080', '::ffff:7f00:1'],
  ])('%s is allowed and needs no look-up', async (given, found) => {
    expect(await kindOf(given)).toBe(found);
  });

  test('a name nobody knows is said to be unknown', async () => {
    expect(await kindOf('http://nowhere.test')).toBe('engine-unreachable');
    expect(await kindOf('http://nowhere.test', async () => [])).toBe('engine-unreachable');
  });
});
