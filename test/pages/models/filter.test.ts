/** Which rows a filter lets through, and in which order. In a browser: test/e2e/models.test.ts. */
import { describe, expect, test } from 'bun:test';
import { filterRows, readFilter, WHOLE_LIST } from '#src/pages/models/filter.ts';
import { nameParts } from '#src/pages/models/name-parts.ts';
import { mineAddress } from '#views/models/filter.tsx';
import type { ModelRowData } from '#views/models/row.tsx';

const row = (name: string, parts: Partial<ModelRowData> = {}): ModelRowData => ({
  id: name,
  name,
  ...nameParts(name),
  file: `${name}.gguf`,
  isLongUnused: false,
  format: 'gguf',
  quantization: 'Q4_K_M',
  abilities: [],
  otherNames: [],
  place: `/models/${name}.gguf`,
  isDemo: false,
  isManaged: true,
  isExternal: false,
  isPinned: false,
  sizeBytes: 1e9,
  memory: null,
  contextTokens: null,
  doing: { phase: 'idle' },
  isOutdated: false,
  unusedS: null,
  requests: 0,
  tokensPerS: null,
  ...parts,
});

const ROWS = [
  row('qwen-10', { sizeBytes: 3e9, abilities: ['tools', 'images'], requests: 5, unusedS: 10, tokensPerS: 40 }),
  row('qwen-9', {
    sizeBytes: 9e9,
    doing: { phase: 'stopping', why: '', forcedInS: 10 },
    otherNames: ['fast'],
    unusedS: 5,
  }),
  row('gemma', { format: 'mlx', doing: { phase: 'missing', message: '', hint: '' }, isExternal: true }),
];
const names = (said: Record<string, string>) => filterRows(ROWS, readFilter(said)).map(({ name }) => name);

describe('filters', () => {
  const cases: readonly [Record<string, string>, readonly string[]][] = [
    [{}, ['gemma', 'qwen-9', 'qwen-10']],
    [{ q: 'QWEN' }, ['qwen-9', 'qwen-10']],
    [{ q: 'qwen fast' }, ['qwen-9']],
    [{ q: 'nothing like it' }, []],
    [{ state: 'loaded' }, ['qwen-9']],
    [{ state: 'missing' }, ['gemma']],
    [{ state: 'external' }, ['gemma']],
    [{ state: 'idle' }, ['qwen-10']],
    [{ format: 'mlx' }, ['gemma']],
    [{ can: 'vision' }, ['qwen-10']],
    [{ can: 'tools' }, ['qwen-10']],
    [{ sort: '-name' }, ['qwen-10', 'qwen-9', 'gemma']],
    [{ sort: '-size' }, ['qwen-9', 'qwen-10', 'gemma']],
    [{ sort: '-used' }, ['qwen-9', 'qwen-10', 'gemma']],
    [{ sort: '-speed' }, ['qwen-10', 'gemma', 'qwen-9']],
    [{ sort: 'state' }, ['qwen-9', 'qwen-10', 'gemma']],
    [{ sort: 'constructor', state: 'no such', format: '<b>' }, ['gemma', 'qwen-9', 'qwen-10']],
  ];
  for (const [said, expected] of cases) {
    test(`${JSON.stringify(said)} shows ${expected.join(', ') || 'nothing'}`, () => {
      expect(names(said)).toEqual([...expected]);
    });
  }

  test('an address says only what is not as usual, and is read back as the same filter', () => {
    expect(mineAddress(WHOLE_LIST)).toBe('/models');
    const filter = { ...WHOLE_LIST, q: 'a&b', sort: '-size' };
    expect(mineAddress(filter)).toBe('/models?q=a%26b&sort=-size');
    expect(readFilter(Object.fromEntries(new URL(mineAddress(filter), 'http://x').searchParams))).toEqual(filter);
  });
});
