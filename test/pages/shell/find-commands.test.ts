/** A few letters are enough, and the better match comes first. */
import { expect, test } from 'bun:test';
import { findCommands } from '#src/pages/shell/find-commands.ts';
import type { Command } from '#views/shell/palette.tsx';

const command = (title: string): Command => {
  return { title, hint: '', words: '', icon: 'search', does: { kind: 'go', href: '/' } };
};
const ALL = ['Monitor', 'Models', 'Unload gemma-4-26B', 'Load qwen3-coder-30B', 'Load phi-5-mini'].map(command);
const titles = (query: string) => findCommands(ALL, query).map(({ title }) => title);

test.each([
  ['', ['Monitor', 'Models', 'Unload gemma-4-26B', 'Load qwen3-coder-30B', 'Load phi-5-mini']],
  ['mo', ['Monitor', 'Models']],
  ['load', ['Load qwen3-coder-30B', 'Load phi-5-mini', 'Unload gemma-4-26B']],
  ['load mini', ['Load phi-5-mini']],
  ['coder', ['Load qwen3-coder-30B']],
  ['MONI', ['Monitor']],
  ['q30', ['Load qwen3-coder-30B']],
  ['nothing like it', []],
])('%p finds %p', (query, found) => {
  expect(titles(query)).toEqual(found);
});

test('no more than ten are shown', () => {
  const many = Array.from({ length: 50 }, (_, index) => command(`Load model-${index}`));
  expect(findCommands(many, 'load')).toHaveLength(10);
});
