/** What is known of models: by their files, by the template they are started with, by their engine's arguments. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeaderCache } from '#src/models/header-cache.ts';
import type { EngineKind, LaunchOverrides, Model } from '#src/models/model.ts';
import { splitsThoughts } from '#src/models/thought-parsing.ts';
import { TraitBook } from '#src/models/trait-book.ts';
import { someModel } from '#test/engines/support/plan.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';

const GLM = '{% if tools %}<tool_call>name\n<arg_key>k</arg_key>{% endif %}';
const MISTRAL = '{% if tools %}[TOOL_CALLS]{% endif %}';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-traits-'));
  path = join(folder, 'one.gguf');
  await writeScriptedModel(path, { name: 'one', scripts: { a: 'Hi.' } });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function modelWith(launch: LaunchOverrides, differences: Partial<Model> = {}): Model {
  const model = someModel(path, differences);
  return { ...model, config: { ...model.config, launch } };
}

test('the template that a model is started with counts, as it is now', () => {
  const book = new TraitBook(new HeaderCache(), new FakeClock());
  const file = join(folder, 'chat.jinja');
  writeFileSync(file, GLM);
  expect(book.of(modelWith({})).callFormat).toBeNull();
  expect(book.of(modelWith({ chat_template_file: file })).callFormat).toBe('glm');
  expect(book.of(modelWith({ chat_template_file: '' })).callFormat).toBeNull();
  writeFileSync(file, MISTRAL);
  utimesSync(file, new Date(1_000), new Date(1_000));
  expect(book.of(modelWith({ chat_template_file: file })).callFormat).toBe('mistral');
});

test('a file that is no template leaves the template of the model', () => {
  const book = new TraitBook(new HeaderCache(), new FakeClock());
  const large = join(folder, 'large.jinja');
  writeFileSync(large, GLM + ' '.repeat(1 << 20));
  for (const file of [large, folder, '/dev/zero', join(folder, 'none.jinja')]) {
    expect(book.of(modelWith({ chat_template_file: file }))).toEqual(book.of(modelWith({})));
  }
});

test('a file is looked at once a second for one registration of a model', () => {
  const clock = new FakeClock();
  const book = new TraitBook(new HeaderCache(), clock);
  const file = join(folder, 'changing.jinja');
  writeFileSync(file, GLM);
  const model = modelWith({ chat_template_file: file });
  expect(book.of(model).callFormat).toBe('glm');
  writeFileSync(file, MISTRAL);
  utimesSync(file, new Date(1_000), new Date(1_000));
  clock.advance(999);
  expect(book.of(model).callFormat).toBe('glm');
  clock.advance(1);
  expect(book.of(model).callFormat).toBe('mistral');
});

test('the same state of the files is read once, and a new name is heard', () => {
  const book = new TraitBook(new HeaderCache(), new FakeClock());
  expect(book.of(modelWith({}))).toBe(book.of(modelWith({})));
  expect(book.of(modelWith({}, { name: 'gpt-oss-20b' })).family).toBe('gpt-oss');
});

test.each<[boolean, string[]]>([
  [true, []],
  [false, ['--reasoning-format', 'none']],
  [false, ['--reasoning-format=none']],
  [true, ['--reasoning-format', 'none', '--reasoning-format', 'deepseek']],
  [false, ['--skip-chat-parsing']],
  [true, ['--skip-chat-parsing', '--no-skip-chat-parsing']],
])('llama-server parses thoughts: %p with %p', (isParsed, extra) => {
  expect(splitsThoughts(modelWith({ extra_args: extra }), 'llama.cpp')).toBe(isParsed);
});

test.each<[boolean, EngineKind, string]>([
  [true, 'mlx-lm', 'none'],
  [true, 'mlx-vlm', 'none'],
  [true, 'mlx-openai-server', ''],
  [true, 'mlx-openai-server', 'qwen3'],
  [false, 'mlx-openai-server', 'none'],
  [true, 'openai', ''],
])('thoughts are parsed: %p by %s with the parser %p', (isParsed, engine, parser) => {
  expect(splitsThoughts(modelWith({ mlx_reasoning_parser: parser }, { format: 'mlx' }), engine)).toBe(isParsed);
});
