/**
 * Every command against a Flow that really runs, with a real engine, as a process of its own. Engines and the doctor
 * have tests of their own beside this one.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { type CommandOptions, type Ended, flow as flowAnywhere } from './flow-command.ts';

const DEMO = 'flow-demo';
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not be there.
const ESCAPES = /\u001b/;
const NOBODY = ['--port', '9'];

let gateway: RunningFlow;
beforeAll(async () => {
  gateway = await startFlow({ engine: realEngine().executable });
});
afterAll(async () => gateway[Symbol.asyncDispose]());

/** A command for the running Flow. */
function flow(argv: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { port } = new URL(gateway.url);
  const environment = { FLOW_PORT: port, FLOW_DATA_DIR: gateway.dataDir, ...options.environment };
  return flowAnywhere(argv, { ...options, environment });
}

describe('one model, from load to unload', () => {
  test('load waits until it is ready, and ps counts down to its unload', async () => {
    const loaded = await flow(['load', 'demo']);
    expect(loaded).toMatchObject({ code: 0, stdout: `${DEMO} is ready.\n` });
    const { stdout } = await flow(['ps']);
    expect(stdout).toMatch(
      /^MODEL +STATE +REQUESTS +WAITING +MEMORY +UNLOADS IN\nflow-demo +ready +0 +0 +\S+ .B +\d:\d\d min\n$/,
    );
  });

  test('run asks once, with the words and what is piped in', async () => {
    const { code, stdout } = await flow(['run', DEMO, 'Say', 'something'], { input: 'about this text' });
    expect(code).toBe(0);
    expect(stdout).toContain('demo of Flow');
    expect(stdout).toEndWith('\n');
    const { body } = await gateway.json('/api/telemetry?limit=1');
    expect(JSON.stringify(body)).toContain('/v1/chat/completions');
  });

  test('run reads the whole prompt from stdin', async () => {
    expect(await flow(['run', DEMO], { input: 'hello' })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Flow'),
    });
  });

  test('run without any prompt says so instead of waiting', async () => {
    expect(await flow(['run', DEMO])).toMatchObject({ code: 2, stderr: expect.stringContaining('no prompt') });
  });

  test('run sends thinking to stderr, so that stdout holds the answer alone', async () => {
    const { stdout, stderr } = await flow(['run', DEMO, 'Think about it']);
    expect(stderr).toContain('where thoughts go');
    expect(stdout).not.toContain('where thoughts go');
    expect(stdout).toContain('Done thinking');
  });

  test('run says when the answer was cut', async () => {
    const { stdout, stderr } = await flow(['run', DEMO, 'hello', '--max-tokens', '3']);
    expect(stdout.length).toBeLessThan(60);
    expect(stderr).toContain('cut at the limit');
  });

  test('requests shows what was asked', async () => {
    await until('a record', async () => (await flow(['requests'])).stdout.includes('/v1/chat/completions'));
    const { stdout } = await flow(['requests', '--limit', '1']);
    expect(stdout).toMatch(/^WHEN .*\n\d\d:\d\d:\d\d +flow-demo .* done .*\n$/);
  });

  test('logs prints the model, and Flow itself, with the time', async () => {
    const own = await flow(['logs', DEMO, '--lines', '3']);
    expect(own.stdout).toMatch(/^(\d\d:\d\d:\d\d .*\n){3}$/);
    expect((await flow(['logs', 'flow'])).stdout).toContain('listening');
    expect((await flow(['logs'])).stdout).toContain(`[${DEMO}] `);
  });

  test('logs -f shows lines as they come, until Ctrl-C', async () => {
    const signalAt = { text: 'slot', signal: 'SIGINT' } as const;
    const followed = flow(['logs', '-f', '--lines', '1'], { signalAt });
    await flow(['run', DEMO, 'hello']);
    expect(await followed).toMatchObject({ code: 130, stdout: expect.stringContaining(`[${DEMO}] `) });
  });

  test('models lists it with its size and needs', async () => {
    const { stdout } = await flow(['models']);
    expect(stdout).toMatch(/\nflow-demo +running +4\.9 MB +\d+ MB +262144 +F16\n/);
  });

  test('a variant is loaded by loading its model', async () => {
    const variants = [{ name: 'calm', behaviour: { temperature: 0 } }];
    await gateway.json(`/api/models/${DEMO}/config`, { variants }, 'PUT');
    expect(await flow(['load', 'calm'])).toMatchObject({ code: 0, stdout: expect.stringContaining(DEMO) });
  });

  test('unload ends it, and a second one has nothing to do', async () => {
    expect(await flow(['unload', DEMO])).toMatchObject({ code: 0, stdout: `${DEMO} unloads.\n` });
    await until('the end', async () => (await flow(['ps'])).stdout === 'Nothing is loaded.\n');
    expect((await flow(['unload', DEMO])).stdout).toBe(`${DEMO} is not loaded.\n`);
  });
});

describe('for scripts', () => {
  const commands = [
    ['models'],
    ['ps'],
    ['requests'],
    ['logs'],
    ['engines'],
    ['doctor'],
    ['load', DEMO],
    ['run', DEMO, 'hello'],
    ['unload', DEMO],
  ];
  for (const command of commands) {
    test(`${command.join(' ')} --json prints one JSON value and nothing else`, async () => {
      const { stdout, code } = await flow([...command, '--json']);
      expect(code).toBe(0);
      expect(() => JSON.parse(stdout)).not.toThrow();
    });

    test(`${command.join(' ')} has no escape codes when piped`, async () => {
      const { stdout, stderr } = await flow(command);
      expect(stdout + stderr).not.toMatch(ESCAPES);
    });
  }

  test('a pipe that reads slowly gets all of a large answer', async () => {
    const shell = 'bun "$0" logs --json --lines 2000 | (sleep 0.5; cat)';
    await flow(['run', DEMO, 'hello']);
    const { port } = new URL(gateway.url);
    const main = `${import.meta.dir}/../../src/main.ts`;
    const environment = { ...process.env, FLOW_PORT: port, FLOW_DATA_DIR: gateway.dataDir };
    const piped = Bun.spawnSync(['sh', '-c', shell, main], { env: environment, timeout: 20_000 });
    const answer: unknown = JSON.parse(piped.stdout.toString());
    expect(piped.stdout.length).toBeGreaterThan(64 << 10);
    expect(answer).toHaveProperty('entries');
  });

  test('a proxy for everything does not stand between flow and Flow', async () => {
    const proxied = await flow(['ps'], {
      environment: { HTTP_PROXY: 'http://127.0.0.1:9', ALL_PROXY: 'http://127.0.0.1:9' },
    });
    expect(proxied.code).toBe(0);
  });

  test('nor between Flow and its engine', async () => {
    await using proxied = await startFlow({
      engine: realEngine().executable,
      environment: { HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9' },
    });
    expect((await flow(['load', DEMO, '--port', new URL(proxied.url).port])).code).toBe(0);
  });
});

describe('when it does not work', () => {
  test('what is not running is said, with code 3', async () => {
    for (const command of ['ps', 'models', 'requests', 'logs']) {
      const { code, stderr } = await flow([command, ...NOBODY]);
      expect({ command, code, stderr }).toEqual({
        command,
        code: 3,
        stderr: 'Flow does not answer at http://127.0.0.1:9. Start it with "flow", then try again.\n',
      });
    }
  });

  test('another server at the address is not taken for Flow', async () => {
    using other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('<h1>Hi</h1>') });
    const { code, stderr } = await flow(['ps', '--port', String(other.port)]);
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('is not Flow') });
  });

  test('an unknown model is code 4, with those near to it', async () => {
    for (const argv of [
      ['load', 'flow-dmo'],
      ['unload', 'flow-dmo'],
      ['run', 'flow-dmo', 'hi'],
      ['logs', 'flow-dmo'],
    ]) {
      const { code, stderr } = await flow(argv);
      expect({ argv, code, stderr }).toEqual({ argv, code: 4, stderr: expect.stringContaining('flow-demo') });
    }
  });

  test('wrong usage is code 2 and says what is right', async () => {
    const cases: readonly (readonly [string[], string])[] = [
      [['lgos'], 'Did you mean "flow logs"?'],
      [['run'], 'Usage: flow run MODEL [PROMPT]'],
      [['ps', 'now'], 'Usage: flow ps\n'],
      [['ps', '--bogus'], "Unknown option '--bogus'"],
      [['requests', '--limit', 'x'], '--limit is "x"'],
      [['load', DEMO, '--ctx', '1.5'], '--ctx is "1.5"'],
      [['--port', 'x'], '--port is "x"'],
      [['completions', 'tcsh'], 'bash, zsh and fish'],
    ];
    for (const [argv, words] of cases) {
      const { code, stderr } = await flow(argv);
      expect({ argv, code, stderr }).toEqual({ argv, code: 2, stderr: expect.stringContaining(words) });
    }
  });

  test('a wrong key is code 8', async () => {
    await using closed = await startFlow({ environment: { FLOW_API_KEY: 'right-key-of-some-length' } });
    const { port } = new URL(closed.url);
    const environment = { FLOW_API_KEY: 'wrong-key-of-some-length' };
    expect((await flow(['ps', '--port', port], { environment })).code).toBe(8);
    expect((await flow(['ps', '--port', port, '--api-key', 'right-key-of-some-length'])).code).toBe(0);
  });

  test('a Flow that already runs is where plain flow points, and a failure for flow serve', async () => {
    const says = `Flow already runs at ${gateway.url}\n`;
    expect(await flow([])).toMatchObject({ code: 0, stdout: says });
    expect(await flow(['serve'])).toMatchObject({ code: 3, stdout: says });
  });
});
