/** What the palette offers, found by the letters that people type: a table of queries and the first of what comes. */
import { describe, expect, test } from 'bun:test';
import { commandsFor, searchesFor } from '#src/pages/shell/commands.ts';
import { findCommands } from '#src/pages/shell/find-commands.ts';
import type { Command } from '#views/shell/palette.tsx';
import { fullScene, sampleModel } from '../../support/dashboard.ts';

const { models, fleet } = fullScene();
const conversations = [
  { id: 'c1', title: 'A loader for phi' },
  { id: 'c2', title: 'Holiday plans' },
];
const COMMANDS = commandsFor(models, fleet, conversations);

const target = ({ does }: Command): string => {
  if (does.kind === 'go') return does.href;
  return does.kind === 'do' ? `${does.name}=${does.value}` : `${does.action} ${Object.values(does.fields).join()}`;
};
const found = (query: string) => findCommands(COMMANDS, query);

describe('what is typed comes first', () => {
  test.each([
    ['mon', '/'],
    ['phi', '/monitor/loading phi-5-mini'],
    ['unload gem', '/monitor/unloading gemma-4-26B-A4B'],
    ['options phi', '/models/load?model=phi-5-mini'],
    ['settings of phi', '/models/settings?model=phi-5-mini'],
    ['agent set-up phi', '/models/agent?model=phi-5-mini'],
    ['logs of mistral', '/logs?source=org%2Fmistral-9B'],
    ['set-up', '/setup'],
    ['setup', '/setup'],
    ['doctor', '/settings?doctor=1#about'],
    ['dark', 'data-theme-to=dark'],
    ['theme sys', 'data-theme-to=system'],
    ['keys', 'data-opens=shortcuts'],
    ['set up codex', '/settings/agents/codex'],
    ['idle time before', '/settings#setting-jit_cooldown_seconds'],
    ['jit_cooldown_seconds', '/settings#setting-jit_cooldown_seconds'],
    ['retention', '/settings#setting-retention_days'],
    ['holi', '/chat/c2'],
    ['downloads', '/models/downloads'],
    ['ollama', '/models/import'],
  ])('%p leads to %p', (query, wanted) => {
    const [first] = found(query);
    expect(first && target(first)).toBe(wanted);
  });
});

test('a word’s start counts more than its middle, and letters in order only when nothing else is like it', () => {
  expect(
    found('load')
      .slice(0, 5)
      .every(({ title }) => title.startsWith('Load')),
  ).toBe(true);
  expect(found('load gemma').at(-1)?.title).toStartWith('Unload gemma');
  expect(found('phi').every(({ title }) => title.toLowerCase().includes('phi'))).toBe(true);
  expect(found('q30').map(({ title }) => title)).toContain('Unload qwen3-coder-30B');
});

test('what is found is bounded, whatever there is', () => {
  const many = Array.from({ length: 300 }, (_, index) => sampleModel(`model-${index}`));
  expect(findCommands(commandsFor(many, []), 'model')).toHaveLength(10);
});

test('a model that others serve is not loaded with options, and one that makes embeddings has no agent', () => {
  const [first] = models;
  if (!first) throw new Error('A scene without models.');
  const endpoint = { baseUrl: 'http://127.0.0.1:1', modelName: 'far', product: null, isConnected: true };
  const capabilities = { ...first.capabilities, embedding: true };
  const far = { ...sampleModel('far', { capabilities }), endpoint: Object(endpoint) };
  const titles = commandsFor([far], []).map(({ title }) => title);
  expect(titles).not.toContain('Load far with options');
  expect(titles).not.toContain('Agent set-up with far');
  expect(titles).toContain('Settings of far');
});

test('other places can be searched for the same words, the hub last; without words there is nothing to search for', () => {
  expect(searchesFor('  ')).toEqual([]);
  expect(searchesFor(' qwen&q=1 ').map(target)).toEqual(['/logs?q=qwen%26q%3D1', '/models/get?q=qwen%26q%3D1']);
});
