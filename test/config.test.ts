/** The command line and the environment: who wins, what is refused, and that nothing odd gets through. */
import { expect, test } from 'bun:test';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Environment, type Flags, readConfig } from '#src/config.ts';
import { Fault } from '#src/faults.ts';

function refusal(flags: Flags, environment: Environment = {}): string {
  try {
    readConfig(flags, environment);
    return 'accepted';
  } catch (cause) {
    return cause instanceof Fault && cause.kind === 'invalid-request' ? cause.message : `not a Fault: ${cause}`;
  }
}

test('nothing said means the defaults', () => {
  expect(readConfig({}, {})).toEqual({
    dataDir: join(homedir(), '.flow'),
    fixed: {},
    apiKey: null,
    isOpenAllowed: false,
    llamaServer: null,
    enginePort: null,
    releasesUrl: null,
    logLevel: 'info',
    logFormat: 'text',
  });
});

test('a flag wins over the environment, and each says where it came from', () => {
  const environment = { FLOW_PORT: '4000', FLOW_HOST: '::1', FLOW_LOG: 'debug', FLOW_API_KEY: 'from the environment' };
  const config = readConfig({ port: '5000', 'api-key': 'from the flag' }, environment);
  expect(config.fixed).toEqual({
    port: { value: 5000, origin: 'flag' },
    host: { value: '::1', origin: 'environment' },
  });
  expect([config.logLevel, config.apiKey]).toEqual(['debug', 'from the flag']);
});

test('an empty variable counts as not set, as shells and compose files leave them', () => {
  const names = ['HOST', 'PORT', 'DATA_DIR', 'MODELS_DIR', 'LLAMA_SERVER', 'ENGINE_PORT', 'API_KEY', 'LOG'];
  const environment = Object.fromEntries(names.map((name) => [`FLOW_${name}`, '']));
  expect(readConfig({}, environment)).toEqual(readConfig({}, {}));
});

// Each of these was taken for something: the present folder, which then became the data directory, or any free port.
for (const flag of ['host', 'port', 'data-dir', 'models-dir', 'llama-server', 'engine-port', 'api-key', 'log']) {
  test(`an empty --${flag} is refused by its name`, () => {
    for (const nothing of ['', '  ']) expect(refusal({ [flag]: nothing })).toContain(`--${flag} is empty`);
  });
}

test('a port is digits from 0 to 65535, and whoever gave it is named', () => {
  for (const port of ['0', '1', '3377', '65535']) {
    expect(readConfig({ port }, {}).fixed.port?.value).toBe(Number(port));
  }
  for (const port of ['65536', '-1', '0x10', '1e3', '3377.5', 'http', '99999999999']) {
    expect(refusal({ port })).toStartWith(`--port is "${port}"`);
    expect(refusal({}, { FLOW_PORT: port })).toStartWith(`FLOW_PORT is "${port}"`);
  }
});

test('engines’ ports begin where they are told to, with room for a thousand', () => {
  expect(readConfig({}, { FLOW_ENGINE_PORT: '20000' }).enginePort).toBe(20_000);
  for (const wrong of ['0', '80', '1023', '64536', '0x2000', 'many']) {
    expect(refusal({}, { FLOW_ENGINE_PORT: wrong })).toStartWith(`FLOW_ENGINE_PORT is "${wrong}"`);
  }
});

test('an unknown log level names the flag or the variable', () => {
  expect(refusal({ log: 'loud' })).toBe('--log is "loud"; it must be error, warning, info or debug.');
  expect(refusal({}, { FLOW_LOG: 'warn' })).toStartWith('FLOW_LOG is "warn"');
});

test('what no setting could hold is refused here, not met by an assertion later', () => {
  expect(refusal({ host: 'h'.repeat(254) })).toContain('--host has 254 characters');
  expect(refusal({}, { FLOW_MODELS_DIR: `/${'m'.repeat(5_000)}` })).toContain('FLOW_MODELS_DIR has 5001 characters');
});

test('the hub that other programs use is used here, when it is an address', () => {
  const hub = { value: 'https://mirror.example/hf/', origin: 'environment' };
  expect(readConfig({}, { HF_ENDPOINT: 'https://mirror.example/hf/' }).fixed.hub_url).toEqual(hub as never);
  for (const wrong of ['mirror.example', 'ftp://mirror', 'https://a@b', `https://${'h'.repeat(300)}`]) {
    expect(refusal({}, { HF_ENDPOINT: wrong })).toStartWith('HF_ENDPOINT is not an http or https address');
  }
});

test('paths are absolute, and ~ is the home folder', () => {
  const of = (path: string) => readConfig({ 'data-dir': path, 'models-dir': path }, {});
  for (const [given, path] of [
    ['~', homedir()],
    ['~/flow', join(homedir(), 'flow')],
    ['/srv/flow', '/srv/flow'],
    ['flow', join(process.cwd(), 'flow')],
  ] as const) {
    expect(of(given).dataDir.replace(/\/$/, '')).toBe(path);
    expect(of(given).fixed.models_dir?.value).toBe(of(given).dataDir);
  }
});

test('a key that was read from a file comes without its line end', () => {
  expect(readConfig({}, { FLOW_API_KEY: 'the key\n' }).apiKey).toBe('the key');
});
