/** flow in a real terminal: the conversation, its keys, colours and bars. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { plainEnvironment } from './flow-command.ts';

const MAIN = join(import.meta.dir, '..', '..', 'src', 'main.ts');
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const SLOW = { pieces: ['first ', ...Array.from({ length: 300 }, () => 'more ')], tokens_per_s: 20 };

let folder: string;
let gateway: RunningFlow;
const engine = { current: null as ReturnType<typeof makeFakeEngine> | null };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-cli-terminal-'));
  engine.current = makeFakeEngine(folder, { request: SLOW });
  gateway = await startFlow({ engine: engine.current.executable });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** `flow …` with a terminal of its own. */
function inTerminal(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  let screen = '';
  const decoder = new TextDecoder();
  const { port } = new URL(gateway.url);
  const child = Bun.spawn([process.execPath, MAIN, ...argv], {
    env: {
      ...plainEnvironment(folder),
      TERM: 'xterm-256color',
      FLOW_PORT: port,
      FLOW_DATA_DIR: gateway.dataDir,
      ...environment,
    },
    terminal: {
      cols: 60,
      rows: 20,
      data: (_, bytes) => {
        screen += decoder.decode(bytes, { stream: true });
      },
    },
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  const sees = (text: string, times = 1) =>
    until(`"${text}" on the screen:\n${screen}`, () => screen.split(text).length > times, 15_000);
  return { exited: child.exited, type: (text: string) => child.terminal?.write(text), sees, screen: () => screen };
}

describe('a conversation', () => {
  test('Ctrl-C stops the answer and asks for the next question; at the question it leaves', async () => {
    const talk = inTerminal(['run', 'flow-demo']);
    await talk.sees('> ');
    talk.type('hello\r');
    await talk.sees('first ');
    talk.type(CTRL_C);
    await talk.sees('> ', 2);
    talk.type(CTRL_C);
    expect(await talk.exited).toBe(0);
    const { body } = await gateway.json('/api/telemetry?limit=1');
    expect(JSON.stringify(body)).toContain('cancelled');
  });

  test('what was said before is part of the next question', async () => {
    const talk = inTerminal(['run', 'flow-demo', '--max-tokens', '3', '--system', 'Be brief.']);
    await talk.sees('> ');
    talk.type('one\r');
    await talk.sees('first more');
    talk.type(CTRL_C);
    await talk.sees('> ', 2);
    talk.type('two\r');
    await talk.sees('first more', 2);
    talk.type(CTRL_C);
    await talk.sees('> ', 3);
    talk.type(CTRL_D);
    expect(await talk.exited).toBe(0);
    const bodies = engine.current?.records('request-begin').map(({ body }) => JSON.stringify(body)) ?? [];
    expect(bodies.at(-1)).toMatch(/Be brief\..*one.*first more.*two/s);
  });

  test('/bye leaves', async () => {
    const talk = inTerminal(['run', 'flow-demo']);
    await talk.sees('> ');
    talk.type('/bye\r');
    expect(await talk.exited).toBe(0);
  });

  test('a model that does not exist ends it with code 4', async () => {
    const talk = inTerminal(['run', 'nosuch']);
    await talk.sees('> ');
    talk.type('hello\r');
    expect(await talk.exited).toBe(4);
    expect(talk.screen()).toContain('no model "nosuch"');
  });
});

describe('what is shown', () => {
  test('lines fit the screen', async () => {
    const shown = inTerminal(['engines']);
    expect(await shown.exited).toBe(0);
    await shown.sees('ORIGIN');
    expect(
      shown
        .screen()
        .split(/\r?\n/)
        .every((line) => line.length <= 60),
    ).toBe(true);
  });

  test('the doctor has colours, and none with NO_COLOR', async () => {
    const colored = inTerminal(['doctor']);
    await colored.exited;
    await colored.sees('remark');
    expect(colored.screen()).toContain('\u001b[32m✓\u001b[0m');
    const plain = inTerminal(['doctor'], { NO_COLOR: '1' });
    await plain.exited;
    await plain.sees('remark');
    expect(plain.screen()).not.toContain('\u001b[3');
  });
});
