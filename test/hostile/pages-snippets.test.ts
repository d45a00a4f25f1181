/**
 * S-27: what is shown to be copied is safe where it is pasted, whatever a model is called: commands are run by a real
 * shell with stand-ins for the programs, files are read by parsers. The texts of ordinary names: test/agents.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AGENTS } from '#src/agents/agents.ts';
import { isObject } from '#src/json.ts';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';
import { corpusFor } from './support/corpus.ts';
import { tinyModel } from './support/world.ts';

/** Names as the registry makes them of the strings, and the same as an agent is told. */
let ids: readonly string[];
let folder: string;
let flow: RunningFlow;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-snippets-'));
  flow = await startFlow({ engine: makeFakeEngine(folder).executable });
  const made: string[] = [];
  for (const [index, { text }] of corpusFor('shell', 'http://127.0.0.1:9').entries()) {
    const path = join(folder, `${index}.gguf`);
    await tinyModel(path);
    const { body } = await flow.json('/api/register-local', { path, name: text.slice(0, 200) });
    made.push(String(body.model_id));
  }
  ids = made;
}, 180_000);
afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Programs that write down each of their arguments, and nothing else. */
function standIns(names: readonly string[]): { readonly path: string; readonly told: string } {
  const path = mkdtempSync(join(folder, 'bin-'));
  const told = join(path, 'told');
  for (const name of names) {
    writeFileSync(
      join(path, name),
      `#!/bin/sh\nprintf '%s\\0' "\${0##*/}" "$@" >> '${told}'\nprintf '\\n\\0' >> '${told}'\n`,
    );
    chmodSync(join(path, name), 0o755);
  }
  return { path, told };
}

/** What a shell made of some commands: the words of each. Everything else that happened in its folder is told too. */
function run(commands: readonly string[], names: readonly string[]) {
  const { path, told } = standIns(names);
  const cwd = mkdtempSync(join(folder, 'cwd-'));
  for (const command of commands) {
    Bun.spawnSync(['/bin/sh', '-c', command], {
      cwd,
      env: { PATH: `${path}:/usr/bin:/bin`, HOME: cwd },
      timeout: 5_000,
    });
  }
  const words = readFileSync(told, 'utf8').split('\n\0').filter(Boolean);
  return { calls: words.map((call) => call.split('\0').slice(0, -1)), files: readdirSync(cwd) };
}

async function setUp(agent: string, id: string) {
  const { status, body } = await flow.json(`/api/agents/${agent}?model=${encodeURIComponent(id)}`);
  expect([id, status]).toEqual([id, 200]);
  const files = Array.isArray(body.files) ? body.files.filter(isObject) : [];
  return {
    connect: String(body.connect),
    command: String(body.command),
    files: files.map(({ format, text }) => ({ format: String(format), text: String(text) })),
  };
}

test.each(AGENTS.map(({ name }) => name))(
  'the command that connects %s is one word for the name, and runs nothing of it',
  async (agent) => {
    const all = await Promise.all(ids.map((id) => setUp(agent, id)));
    const { calls, files } = run(
      all.map(({ connect }) => connect),
      ['flow', 'touch', 'tee'],
    );
    expect(calls).toEqual(ids.map((id) => ['flow', 'connect', agent, '--model', id]));
    expect(files).toEqual([]);
  },
  180_000,
);

test.each(AGENTS.map(({ name, program }) => [name, program] as const))(
  'the command that starts %s runs that program once and nothing of the name',
  async (agent, program) => {
    const all = await Promise.all(ids.map((id) => setUp(agent, id)));
    const { calls, files } = run(
      all.map(({ command }) => command),
      [program, 'flow', 'touch', 'tee'],
    );
    expect(calls.map(([first]) => first)).toEqual(ids.map(() => program));
    expect(files).toEqual([]);
  },
  180_000,
);

const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  json: (text) => JSON.parse(text),
  jsonc: (text) => JSON.parse(text),
  toml: (text) => Bun.TOML.parse(text),
  yaml: (text) => Bun.YAML.parse(text),
};

test.each(AGENTS.map(({ name }) => name))(
  'the files of %s are what their parser reads, with the name whole',
  async (agent) => {
    for (const id of ids) {
      const { files } = await setUp(agent, id);
      for (const { format, text } of files) {
        const parse = PARSERS[format];
        if (!parse) throw new Error(`no parser for ${format}`);
        const strings = stringsIn(parse(text));
        const held = strings.some((one) => one.includes(id));
        expect({ id, format, held, forged: strings.includes('pwned') }).toEqual({
          id,
          format,
          held: true,
          forged: false,
        });
      }
    }
  },
  180_000,
);

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(stringsIn);
  return isObject(value) ? Object.entries(value).flatMap(([key, inner]) => [key, ...stringsIn(inner)]) : [];
}

test('the command line of a load, as it is shown, is the words that would be run', async () => {
  mkdirSync(join(folder, 'sub'));
  const path = join(folder, 'sub', `$(touch pwned) \`touch pwned\`'; touch pwned; ' & "x" \\.gguf`);
  await tinyModel(path);
  const { body } = await flow.json('/api/register-local', { path, name: `'; touch pwned; "$(touch pwned)` });
  const answer = await fetch(`${flow.url}/models/outlook`, {
    method: 'POST',
    body: new URLSearchParams({ model: String(body.model_id) }),
    headers: { origin: flow.url, 'hx-request': 'true' },
  });
  const shown = /outlook__command[\s\S]*?<code[^>]*>([\s\S]*?)<\/code>/.exec(await answer.text())?.[1] ?? '';
  const command = shown.replace(/&(#34|#39|#x27|quot|lt|gt|amp);/g, (all, name: string) => ENTITIES[name] ?? all);
  expect(command).toContain('--model');
  // Only the program itself is another one.
  const { calls, files } = run([command.replace(/^\S+/, 'llama-server')], ['llama-server', 'touch']);
  expect(calls.length).toBe(1);
  expect(calls[0]).toContain(path);
  expect(files).toEqual([]);
});

const ENTITIES: Readonly<Record<string, string>> = {
  '#34': '"',
  '#39': "'",
  '#x27': "'",
  quot: '"',
  lt: '<',
  gt: '>',
  amp: '&',
};
