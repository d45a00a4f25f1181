/** The soak itself: that its figures see growth, and that a few seconds of it leave nothing behind. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { floors, medianOf, type Point, settled, slopePerHour } from './slope.ts';

const line = (perHour: number, noise: (index: number) => number = () => 0): Point[] =>
  Array.from({ length: 360 }, (_, index) => ({ atS: index * 10, value: 80 + (perHour * index) / 360 + noise(index) }));

test('growth is seen through noise, and noise alone is none', () => {
  const noise = (index: number) => ((index * 7919) % 23) - 11;
  expect(slopePerHour(line(30, noise))).toBeCloseTo(30, 0);
  expect(Math.abs(slopePerHour(line(0, noise)))).toBeLessThan(1);
  expect(slopePerHour(line(-5))).toBeCloseTo(-5, 6);
  expect(slopePerHour([])).toBe(0);
  expect(slopePerHour([{ atS: 1, value: 5 }])).toBe(0);
});

test('what a program takes to get going is left out', () => {
  const points = [
    ...Array.from({ length: 20 }, (_, index) => ({ atS: index, value: index * 10 })),
    ...line(0).slice(2),
  ];
  expect(slopePerHour(settled(points, 0.33))).toBeCloseTo(0, 6);
  expect(medianOf(settled(points, 0.33))).toBe(80);
});

test('garbage that grows with the load of the machine is no leak, and hides none', () => {
  const garbage = (index: number) => (index % 3 === 0 ? 0 : (index * index) / 2_000 + ((index * 7919) % 30));
  expect(slopePerHour(line(0, garbage))).toBeGreaterThan(30);
  expect(Math.abs(slopePerHour(floors(line(0, garbage), 180)))).toBeLessThan(1);
  expect(slopePerHour(floors(line(20, garbage), 180))).toBeCloseTo(20, 0);
});

test('F-96: mixed clients leave no request, no engine, no descriptor and no reservation behind', async () => {
  const soak = join(import.meta.dir, 'soak.ts');
  const child = Bun.spawn(['bun', soak, '--minutes', '0.1', '--clients', '12', '--seed', '11'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, troubles] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(`${said}\n${troubles}`).toContain('Nothing was left');
  expect(await child.exited).toBe(0);
  expect(said).toMatch(/^stream\s+[1-9]\d*\s+\d+\s+\d+\s+0$/m);
});
