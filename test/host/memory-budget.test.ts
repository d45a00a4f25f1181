/** The memory budget: a table of machines. What the system says is read in machine.test.ts. */
import { expect, test } from 'bun:test';
import { budgetBytes, type MachineMemory, metalWorkingSetBytes } from '#src/host/memory-budget.ts';

const GB = 1e9;
const GIB = 2 ** 30;
const plain: MachineMemory = { totalBytes: 32 * GB, cgroupLimitBytes: null, metalBytes: null };

const cases: readonly (readonly [string, number, number, MachineMemory, number])[] = [
  ['all of it less the headroom', 0, 2, plain, 30 * GB],
  ["the user's limit wins, in GB", 12.5, 2, plain, 12.5 * GB],
  ['a container is smaller than its machine', 0, 2, { ...plain, cgroupLimitBytes: 8 * GB }, 6 * GB],
  ['a container limit above the memory means nothing', 0, 2, { ...plain, cgroupLimitBytes: 64 * GB }, 30 * GB],
  ['Metal takes less than what is left', 0, 2, { ...plain, metalBytes: 21 * GB }, 21 * GB],
  ['a small machine still gets a quarter', 0, 8, { ...plain, totalBytes: 4 * GB }, 1 * GB],
];
test.each(cases)('%s', (_name, limit, headroom, machine, expected) => {
  expect(budgetBytes({ memory_limit_gb: limit, memory_headroom_gb: headroom }, machine)).toBe(expected);
});

test('Metal: what somebody set wins, 0 means not set, and the default grows with the machine', () => {
  expect(metalWorkingSetBytes(32 * GIB, 28_672)).toBe(28 * GIB);
  expect(metalWorkingSetBytes(24 * GIB, 0)).toBe(16 * GIB);
  expect(metalWorkingSetBytes(24 * GIB, null)).toBe(16 * GIB);
  expect(metalWorkingSetBytes(64 * GIB, null)).toBe(48 * GIB);
});
