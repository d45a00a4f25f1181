/** Where templates are found: the file that replaces one, the GGUF's header, the files of an MLX folder. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGguf } from '#src/gguf/read.ts';
import type { LaunchOverrides, Model } from '#src/models/model.ts';
import { TemplateSources } from '#src/templates/sources.ts';
import { someModel } from '#test/engines/support/plan.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-sources-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, content: unknown): void =>
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
const mlx = (launch: LaunchOverrides = {}): Model => {
  const model = someModel(folder, { format: 'mlx' });
  return { ...model, config: { ...model.config, launch } };
};
const found = (model = mlx()) => new TemplateSources(() => null).of(model);

test('a tokenizer configuration has one template and its special tokens, as text or as objects', () => {
  put('tokenizer_config.json', {
    chat_template: 'one',
    bos_token: '<b>',
    eos_token: { content: '<e>', lstrip: false },
  });
  expect(found()).toEqual([
    {
      kind: 'folder',
      file: join(folder, 'tokenizer_config.json'),
      name: null,
      text: 'one',
      tokens: { begin: '<b>', end: '<e>' },
    },
  ]);
});

test('of a list of named templates the default comes first', () => {
  const list = [
    { name: 'tool_use', template: 'tools' },
    { name: 'default', template: 'plain' },
    { name: 'broken' },
    'nonsense',
  ];
  put('tokenizer_config.json', { chat_template: list });
  expect(found().map(({ name, text }) => [name, text])).toEqual([
    ['default', 'plain'],
    ['tool_use', 'tools'],
  ]);
});

test('chat_template.jinja wins over chat_template.json, and that over the configuration', () => {
  put('tokenizer_config.json', { chat_template: 'config', eos_token: '<e>' });
  put('chat_template.json', { chat_template: 'json' });
  expect(found()[0]).toMatchObject({ text: 'json', tokens: { end: '<e>' } });
  put('chat_template.jinja', 'jinja');
  expect(found()[0]).toMatchObject({ text: 'jinja', tokens: { end: '<e>' } });
});

test('a file that replaces the template comes before it, and is read as it is now', () => {
  put('tokenizer_config.json', { chat_template: 'config' });
  const file = join(folder, 'own.jinja');
  writeFileSync(file, 'own');
  const sources = new TemplateSources(() => null);
  const model = mlx({ chat_template_file: file });
  expect(sources.of(model).map(({ kind, text }) => [kind, text])).toEqual([
    ['override', 'own'],
    ['folder', 'config'],
  ]);
  writeFileSync(file, 'new');
  utimesSync(file, new Date(1_000), new Date(1_000));
  expect(sources.of(model)[0]?.text).toBe('new');
});

test('a header may have several templates, of which the plain one comes first', async () => {
  const path = join(folder, 'one.gguf');
  const metadata = new Map([['tokenizer.chat_template.tool_use', { type: 'string', value: 'tools' } as const]]);
  await writeScriptedModel(path, { scripts: { a: 'Hi.' }, template: 'plain', metadata });
  const sources = new TemplateSources(({ path }) => readGguf(path));
  expect(sources.of(someModel(path)).map(({ kind, name, text }) => [kind, name, text])).toEqual([
    ['gguf', null, 'plain'],
    ['gguf', 'tool_use', 'tools'],
  ]);
});

test('a folder is read again when one of its files changed', () => {
  put('tokenizer_config.json', { chat_template: 'one' });
  const sources = new TemplateSources(() => null);
  const [first] = sources.of(mlx());
  expect(sources.of(mlx())[0]).toBe(first as never);
  put('tokenizer_config.json', { chat_template: 'three' });
  expect(sources.of(mlx())[0]?.text).toBe('three');
});

test.each([
  ['no files', () => {}],
  ['no JSON', () => put('tokenizer_config.json', '{"chat_template":')],
  ['a list', () => put('tokenizer_config.json', [1])],
  ['another type', () => put('tokenizer_config.json', { chat_template: 7 })],
  ['a huge file', () => put('chat_template.jinja', 'x'.repeat((1 << 20) + 1))],
])('a folder with %s has no template, and nothing is thrown', (_, make) => {
  make();
  expect(found()).toEqual([]);
  expect(found(someModel(join(folder, 'gone'), { format: 'mlx' }))).toEqual([]);
});

test('a link that leads out of the folder shows nothing but what is a template by its name (S-20)', () => {
  const inside = join(folder, 'model');
  mkdirSync(join(inside, 'additional_chat_templates'), { recursive: true });
  put('secret.pem', 'PRIVATE KEY');
  put('shared.jinja', 'shared');
  symlinkSync(join(folder, 'secret.pem'), join(inside, 'chat_template.jinja'));
  symlinkSync(join(folder, 'secret.pem'), join(inside, 'additional_chat_templates', 'tool_use.jinja'));
  symlinkSync(join(folder, 'shared.jinja'), join(inside, 'additional_chat_templates', 'rag.jinja'));
  const texts = found(someModel(inside, { format: 'mlx' })).map(({ text }) => text);
  expect(texts).toEqual(['shared']);
});

test('in a Hugging Face cache the blobs of the same repository are its own files', () => {
  const repository = join(folder, 'models--acme--tiny');
  const snapshot = join(repository, 'snapshots', 'abc');
  mkdirSync(join(repository, 'blobs'), { recursive: true });
  mkdirSync(snapshot, { recursive: true });
  writeFileSync(join(repository, 'blobs', '0123'), 'from a blob');
  symlinkSync('../../blobs/0123', join(snapshot, 'chat_template.jinja'));
  expect(found(someModel(snapshot, { format: 'mlx' }))[0]?.text).toBe('from a blob');
});
