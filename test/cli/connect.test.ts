/** `flow connect` as people run it: files in a home of their own, and a Flow that really runs. Plans: test/agents. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';
import { type Ended, flow as flowAnywhere } from './flow-command.ts';

const SETTINGS = '.claude/settings.json';
const CONFIG = '.codex/config.toml';
const OWN_TOML = '# mine\nmodel = "gpt-5" # was\n\n[projects."/p"]\ntrust_level = "trusted"\n';

let gateway: RunningFlow;
let home: string;
beforeAll(async () => {
  gateway = await startFlow();
  await gateway.json('/api/models/flow-demo/config', { launch: { ctx_size: 65_536 } }, 'PUT');
});
afterAll(async () => gateway[Symbol.asyncDispose]());
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flow-connect-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function flow(argv: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { port } = new URL(gateway.url);
  const environment = { HOME: home, FLOW_PORT: port, FLOW_DATA_DIR: join(home, '.flow'), ...more };
  return flowAnywhere(['connect', ...argv], { environment });
}
const read = (path: string): string => readFileSync(join(home, path), 'utf8');
/** What lies in the home, without what the runtime puts into every one. */
const written = (): string[] => readdirSync(home).filter((name) => name !== '.bun');
const modeOf = (path: string): number => statSync(join(home, path)).mode & 0o777;
function put(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
  chmodSync(join(home, path), mode);
}

describe('connecting', () => {
  test('writes the context that the model would be loaded with, and tells how to go on and back', async () => {
    const { code, stdout } = await flow(['claude', '--model', 'demo']);
    expect(code).toBe(0);
    expect(stdout).toContain('Start: claude\nUndo:  flow connect claude --undo\n');
    const { env } = JSON.parse(read(SETTINGS));
    expect(env).toMatchObject({
      ANTHROPIC_BASE_URL: gateway.url,
      ANTHROPIC_MODEL: 'flow-demo',
      CLAUDE_CODE_MAX_CONTEXT_TOKENS: '65536',
    });
    expect(modeOf(SETTINGS)).toBe(0o600);
  });

  test('a second time nothing changes, and it says so', async () => {
    put(CONFIG, OWN_TOML);
    await flow(['codex']);
    const [text, changedMs] = [read(CONFIG), statSync(join(home, CONFIG)).mtimeMs];
    const { stdout } = await flow(['codex']);
    expect(stdout).toContain('says all of it already');
    expect(read(CONFIG)).toBe(text);
    expect(statSync(join(home, CONFIG)).mtimeMs).toBe(changedMs);
    expect(readdirSync(join(home, '.codex'))).toEqual(['config.toml', 'config.toml.flow-backup']);
  });

  test('a key is written, shown nowhere, and taken from the eyes of others; undo gives the old mode back', async () => {
    put(CONFIG, OWN_TOML);
    const { stdout } = await flow(['codex', '--key', 'a-very-secret-key']);
    expect(read(CONFIG)).toContain('experimental_bearer_token = "a-very-secret-key"');
    expect(stdout).not.toContain('a-very-secret-key');
    expect(modeOf(CONFIG)).toBe(0o600);
    expect(modeOf('.flow/connections.json')).toBe(0o600);
    await flow(['codex', '--undo']);
    expect(modeOf(CONFIG)).toBe(0o644);
  });

  test('a link is written through and stays a link', async () => {
    put('dotfiles/settings.json', '{"theme":"dark"}');
    mkdirSync(join(home, '.claude'));
    symlinkSync('../dotfiles/settings.json', join(home, SETTINGS));
    await flow(['claude']);
    expect(lstatSync(join(home, SETTINGS)).isSymbolicLink()).toBe(true);
    expect(JSON.parse(read('dotfiles/settings.json'))).toMatchObject({
      theme: 'dark',
      env: { ENABLE_TOOL_SEARCH: 'false' },
    });
    await flow(['claude', '--undo']);
    expect(lstatSync(join(home, SETTINGS)).isSymbolicLink()).toBe(true);
    expect(read('dotfiles/settings.json')).toBe('{"theme":"dark"}');
  });

  test('a broken file is left alone with the place told, and none of the others is touched', async () => {
    put('.pi/agent/settings.json', '{\n  "theme": dark\n}');
    const { code, stderr } = await flow(['pi']);
    expect(code).toBe(1);
    expect(stderr).toContain('.pi/agent/settings.json is left as it is. It is not JSON: dark is not a value at line 2');
    expect(stderr).toContain('--print');
    expect(readdirSync(join(home, '.pi/agent'))).toEqual(['settings.json']);
    expect(existsSync(join(home, '.flow/connections.json'))).toBe(false);
  });

  test('what cannot be reached or is read-only is refused with its place, and nothing is left behind', async () => {
    put('.claude', 'no folder');
    expect(await flow(['claude'])).toMatchObject({ code: 10, stderr: expect.stringContaining('settings.json cannot') });
    mkdirSync(join(home, '.codex'));
    symlinkSync('config.toml', join(home, CONFIG));
    expect(await flow(['codex'])).toMatchObject({ code: 10, stderr: expect.stringContaining('in a circle') });
    put('.aider.conf.yml', 'model: gpt\n', 0o444);
    expect(await flow(['aider'])).toMatchObject({ code: 10, stderr: expect.stringContaining('is read-only') });
    expect(written().toSorted()).toEqual(['.aider.conf.yml', '.claude', '.codex']);
  });

  test('what stood in a place for keys is not shown, whatever it looks like', async () => {
    const env = { ANTHROPIC_AUTH_TOKEN: 'eyJhbGciOi.JIUzI1NiIsInR5.cCI6', ANTHROPIC_API_KEY: 'hunter2' };
    put(SETTINGS, JSON.stringify({ env }));
    const { stdout } = await flow(['claude']);
    expect(stdout).toContain('env.ANTHROPIC_API_KEY = ""   (was (a key))');
    expect(stdout).not.toContain('eyJ');
    expect(stdout).not.toContain('hunter2');
  });

  test('the agent is told another address when asked', async () => {
    await flow(['codex', '--url', 'http://flow.lan:3377/v1']);
    expect(read(CONFIG)).toContain('base_url = "http://flow.lan:3377/v1"');
    expect((await flow(['codex', '--url', 'flow.lan'])).code).toBe(2);
  });

  test('an unknown agent or model is refused with what there is', async () => {
    expect(await flow(['cursor'])).toMatchObject({ code: 4, stderr: expect.stringContaining('claude, codex') });
    expect(await flow(['claude', '--model', 'nothing-like-it'])).toMatchObject({ code: 4 });
    expect(written()).toEqual([]);
  });
});

describe('undo', () => {
  test('brings a file back byte for byte, also after two connections, and leaves nothing of Flow’s', async () => {
    put(CONFIG, OWN_TOML);
    await flow(['codex']);
    await flow(['codex', '--url', 'http://flow.lan:3377']);
    const { code, stdout } = await flow(['codex', '--undo']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('is as it was')]);
    expect(read(CONFIG)).toBe(OWN_TOML);
    expect(readdirSync(join(home, '.codex'))).toEqual(['config.toml']);
  });

  test('removes files and folders that were not there before', async () => {
    await flow(['pi']);
    expect(existsSync(join(home, '.pi/agent/models.json'))).toBe(true);
    await flow(['pi', '--undo']);
    expect(existsSync(join(home, '.pi'))).toBe(false);
  });

  test('keeps what the user did since, and takes out only what Flow had put in', async () => {
    put(CONFIG, OWN_TOML);
    await flow(['codex']);
    writeFileSync(
      join(home, CONFIG),
      `${read(CONFIG).replace('web_search = "disabled"', 'web_search = "live"')}# late\n`,
    );
    const { stdout } = await flow(['codex', '--undo']);
    expect(stdout).toContain('Left, since it was changed by somebody else: web_search');
    const text = read(CONFIG);
    expect(text).toContain('model = "gpt-5" # was');
    expect(text).toContain('web_search = "live"');
    expect(text).toContain('# late');
    expect(text).not.toContain('flow');
    expect(read(`${CONFIG}.flow-backup`)).toBe(OWN_TOML);
  });

  test('keeps what the user did between two connections', async () => {
    put(CONFIG, OWN_TOML);
    await flow(['codex']);
    writeFileSync(join(home, CONFIG), `# between\n${read(CONFIG)}`);
    await flow(['codex', '--url', 'http://flow.lan:3377']);
    await flow(['codex', '--undo']);
    expect(read(CONFIG)).toBe(`# between\n${OWN_TOML}`);
  });

  test('without a connection there is nothing to undo', async () => {
    expect(await flow(['codex', '--undo'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('not connected'),
    });
  });

  test('needs no running Flow', async () => {
    await flow(['codex']);
    expect((await flow(['codex', '--undo'], { FLOW_PORT: '9' })).code).toBe(0);
    expect(existsSync(join(home, CONFIG))).toBe(false);
  });
});

describe('showing', () => {
  test('--print writes nothing', async () => {
    const { stdout } = await flow(['hermes', '--print']);
    expect(stdout).toContain('context_length: 65536');
    expect(written()).toEqual([]);
  });

  test('--print leaves a place for a key that was not typed', async () => {
    const { stdout } = await flow(['codex', '--print'], { FLOW_API_KEY: 'a-secret' });
    expect(stdout).toContain('experimental_bearer_token = "YOUR-FLOW-KEY"');
    expect(stdout).toContain('Put your key in place of YOUR-FLOW-KEY.');
    expect(stdout).not.toContain('a-secret');
    expect((await flow(['codex', '--print', '--key', 'typed'])).stdout).toContain('"typed"');
  });

  test('--print goes without a running Flow and says what it assumes; writing does not', async () => {
    const { code, stdout } = await flow(['codex', '--print', '--model', 'mine'], { FLOW_PORT: '9' });
    expect(code).toBe(0);
    expect(stdout).toContain('model = "mine"');
    expect(stdout).toContain('32768 tokens is assumed');
    expect((await flow(['codex'], { FLOW_PORT: '9' })).code).toBe(3);
  });

  test('the list tells what is connected and to what', async () => {
    await flow(['codex']);
    const { stdout } = await flow(['--json']);
    const agents: { name: string; model: string | null }[] = JSON.parse(stdout);
    expect(agents.length).toBe(9);
    expect(agents.filter(({ model }) => model !== null)).toMatchObject([{ name: 'codex', model: 'flow-demo' }]);
  });

  test('--json says what became of each file', async () => {
    const { stdout } = await flow(['aider', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      agent: 'aider',
      model: 'flow-demo',
      context_tokens: 65_536,
      files: [{ status: 'created' }, { status: 'created' }],
      undo: 'flow connect aider --undo',
    });
  });

  test('the dashboard gets the same text', async () => {
    const list = await gateway.json('/api/agents');
    expect(list.body).toMatchObject({ model: { id: 'flow-demo', context_tokens: 65_536 } });
    const { body } = await gateway.json('/api/agents/codex?model=demo');
    expect(body).toMatchObject({ agent: 'codex', connect: 'flow connect codex --model flow-demo' });
    const { stdout } = await flow(['codex', '--print', '--json']);
    const [shown, printed] = [Object(body).files[0], JSON.parse(stdout).files[0]];
    expect(shown.path).toBe('~/.codex/config.toml');
    expect(shown.text).toBe(printed.text);
    expect((await gateway.json('/api/agents/cursor')).status).toBe(404);
  });
});
