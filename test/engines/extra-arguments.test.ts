/** Which arguments a person may add to llama-server's command line, against the flags of the real one (S-17, S-19). */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extraArguments } from '#src/engines/extra-arguments.ts';
import { readFeatures, readHelp } from '#src/engines/features.ts';
import { flagRules } from '#src/engines/llama-flags.ts';
import { Fault } from '#src/faults.ts';
import { realEngine } from '#test/support/real-engine.ts';

let folder = '';
let root = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'flow-extra-')));
  root = join(folder, 'models');
  mkdirSync(root);
  mkdirSync(join(folder, 'models-evil'));
  for (const path of ['models/a.gguf', 'models/b.gguf', 'secret', 'models-evil/c'])
    writeFileSync(join(folder, path), '');
  symlinkSync(join(folder, 'secret'), join(root, 'link'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function realHelp(): string {
  const { executable, libraryPath } = realEngine();
  const env = libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath, DYLD_LIBRARY_PATH: libraryPath };
  return Bun.spawnSync([executable, '--help'], { env }).stdout.toString();
}

function refused(...items: string[]): string {
  try {
    extraArguments(items, [root]);
  } catch (cause) {
    if (cause instanceof Fault && cause.kind === 'invalid-request') return cause.message;
    throw cause;
  }
  throw new Error(`Not refused: ${items.join(' ')}`);
}

describe('the flags of the real llama-server', () => {
  const flags = readHelp(realHelp());
  const rules = flagRules();

  test('S-19: are all in one class', () => {
    expect(flags.length).toBeGreaterThan(150);
    expect(flags.flatMap((flag) => flag.names).filter((name) => !rules.has(name))).toEqual([]);
  });

  test('S-19: take as many values as the class says', () => {
    const wrong = flags.flatMap(({ names, valueCount }) =>
      names.filter((name) => rules.get(name)?.valueCount !== valueCount),
    );
    expect(wrong).toEqual([]);
  });

  test('with a file or an address among their values are not free', () => {
    const suspicious = /FNAME|FILE\b|PATH\b|URL|SERVERS|\bHOST\b|<user>|<repo>|MCP|download|TOOL/;
    const free = realHelp()
      .split('\n')
      .filter((line) => /^--?[A-Za-z]/.test(line) && suspicious.test(line))
      .filter((line) => rules.get(readHelp(line)[0]?.names[0] ?? '')?.use.kind === 'free');
    expect(free).toEqual([]);
  });

  test('tell what the build can do', () => {
    const features = readFeatures(realHelp());
    expect(features.hasTraceLevel).toBe(true);
    expect(features.hasAutoGpuLayers).toBe(true);
    expect(features.flags.has('--load-mode')).toBe(true);
    expect(features.flags.has('-np')).toBe(true);
  });
});

describe('a harmless flag', () => {
  test.each([
    [['--seed', '42']],
    [['--seed', '-1']],
    [['-l', '15043+1']],
    [['--no-warmup', '--cont-batching']],
    [['--control-vector-layer-range', '1', '5']],
    [['--chat-template-kwargs', '{"a": "$(touch /tmp/pwned) `x` \'; \n"}']],
  ])('passes as it is: %j', (items) => {
    expect(extraArguments(items, [])).toEqual(items);
  });

  test('with `=` is taken apart, which llama-server does not do itself', () => {
    expect(extraArguments(['--top-k=40', '--override-kv=a=bool:true'], [])).toEqual([
      '--top-k',
      '40',
      '--override-kv',
      'a=bool:true',
    ]);
  });
});

describe('refused is', () => {
  test.each([
    [['--port', '1']],
    [['--host', '0.0.0.0']],
    [['--api-key', 'x']],
    [['-m', '/x']],
    [['--model', '/x']],
    [['-a', 'x']],
    [['--reuse-port']],
    [['--ssl-key-file', '/x']],
    [['--cors-origins', '*']],
    [['--no-webui']],
    [['--log-file', '/x']],
    [['-lv', '5']],
    [['--models-dir', '/']],
    [['--context-shift']],
  ])('S-17: what Flow sets: %j', (items) => {
    expect(refused(...items)).toStartWith('Flow sets --');
  });

  test.each([
    [['-c', '4096'], 'ctx_size'],
    [['--parallel=9'], 'n_parallel'],
    [['-ngl', '1'], 'gpu_layers'],
    [['--mmproj', '/x'], 'mmproj_path'],
    [['-md', '/x'], 'draft_model_path'],
    [['--lm', 'x'], 'does not know'],
    [['-lm', 'none'], 'mmap'],
  ])('S-17: what has a setting, and its name is told: %j', (items, setting) => {
    expect(refused(...items)).toContain(setting);
  });

  test.each([
    [['--tools', 'all']],
    [['--tools=all']],
    [['--tools-runtime', 'ssh:x']],
    [['-ag']],
    [['--agent']],
    [['--mcp-servers-json', '{}']],
    [['--mcp-servers-config', '/x']],
    [['--ui-mcp-proxy']],
    [['--webui-mcp-proxy']],
    [['--rpc', 'evil:1']],
    [['--path', '/']],
    [['--media-path', '/']],
    [['-hf', 'a/b']],
    [['-hft', 'token']],
    [['--hf-repo=a/b']],
    [['-mu', 'http://evil']],
    [['--docker-repo', 'x']],
    [['--mmproj-url', 'http://evil']],
    [['--gpt-oss-20b-default']],
    [['-v']],
    [['--log-prompts-dir', '/x']],
    [['--slot-save-path', '/x']],
    [['-lcd', '/x']],
    [['--help']],
  ])('S-17: what opens the machine, downloads, logs prompts or ends it: %j', (items) => {
    expect(refused(...items)).toContain('is refused: it ');
  });

  test.each([
    ['underscores, which llama-server takes for dashes', ['--api_key', 'x'], 'Flow sets --api-key'],
    ['underscores and `=`', ['--mcp_servers_json={}'], 'is refused'],
    ['an abbreviation', ['--por', '1'], 'does not know'],
    ['the end of flags', ['--'], 'does not know'],
    ['another case', ['--PORT', '1'], 'does not know'],
    ['a flag with a newline', ['--port\n', '1'], 'does not know'],
    ['a flag with a blank before it', [' --port', '1'], 'is not a flag'],
    ['flag and value in one item', ['--seed 1'], 'does not know'],
    ['a word no flag takes', ['--no-warmup', 'yes'], 'is not a flag'],
    ['an empty item', [''], 'is not a flag'],
    ['a value that is a flag', ['--seed', '--port'], 'looks like another flag'],
    ['a value after `=` that is a flag', ['--seed=--rpc'], 'looks like another flag'],
    ['a value that is a short flag', ['--seed', '-m'], 'looks like another flag'],
    ['a missing value', ['--seed'], 'needs 1 value'],
    ['a value too many', ['--no-warmup=1'], 'takes no value'],
    ['a NUL', ['--grammar', 'a\0b'], 'NUL'],
    ['shell text', ['$(touch /tmp/pwned)'], 'is not a flag'],
  ])('S-17: %s', (_, items, reason) => {
    expect(refused(...items)).toContain(reason);
  });
});

describe('a file an engine reads', () => {
  test('passes below a root, by its real path', () => {
    const [a, b] = [join(root, 'a.gguf'), join(root, 'b.gguf')];
    expect(extraArguments(['--lora', `${a},${b}`], [root])).toEqual(['--lora', `${a},${b}`]);
    expect(extraArguments(['--lora-scaled', `${a}:0.5,${b}:2`], [root])).toEqual(['--lora-scaled', `${a}:0.5,${b}:2`]);
  });

  test.each([
    ['outside', () => join(folder, 'secret')],
    ['by way of ..', () => join(root, '..', 'secret')],
    ['through a symbolic link', () => join(root, 'link')],
    ['in a folder whose name only begins alike', () => join(folder, 'models-evil', 'c')],
    ['relative', () => 'a.gguf'],
    ['missing', () => join(root, 'nothing')],
    ['the second of two', () => `${join(root, 'a.gguf')},/etc/passwd`],
  ])('S-17: is refused: %s', (_, path) => {
    expect(refused('--lora', path())).toContain('--lora');
    expect(() => extraArguments(['--grammar-file', path()], [])).toThrow(Fault);
  });
});
