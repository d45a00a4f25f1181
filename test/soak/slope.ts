/** Whether a figure grows: least squares over the samples of a long run. Pure. */

/** A figure at a time. */
export type Point = { readonly atS: number; readonly value: number };

/** How much the figure grows in an hour, by the straight line that fits best; 0 for fewer than two points. */
export function slopePerHour(points: readonly Point[]): number {
  if (points.length < 2) return 0;
  const middleS = mean(points.map(({ atS }) => atS));
  const middle = mean(points.map(({ value }) => value));
  const spread = sum(points.map(({ atS }) => (atS - middleS) ** 2));
  if (spread === 0) return 0;
  return (sum(points.map(({ atS, value }) => (atS - middleS) * (value - middle))) / spread) * 3600;
}

/** The points after the warm-up: what a program takes to get going is no leak. */
export function settled(points: readonly Point[], warmUpShare: number): readonly Point[] {
  const first = points.at(0)?.atS ?? 0;
  const last = points.at(-1)?.atS ?? 0;
  return points.filter(({ atS }) => atS >= first + (last - first) * warmUpShare);
}

/**
 * Of each window the value that a quarter of its samples do not exceed. A sample of memory shows what is held and the
 * garbage of the moment on top of it, some 10 to 60 MB by how busy the machine is; what leaks raises this floor.
 */
export function floors(points: readonly Point[], windowS: number): readonly Point[] {
  const firstS = points[0]?.atS ?? 0;
  const windows = Map.groupBy(points, ({ atS }) => Math.floor((atS - firstS) / windowS));
  return [...windows.values()].map((window) => {
    const sorted = window.map(({ value }) => value).sort((a, b) => a - b);
    return { atS: mean(window.map(({ atS }) => atS)), value: sorted[Math.floor(sorted.length / 4)] ?? Number.NaN };
  });
}

/** The middle value; NaN of nothing. */
export function medianOf(points: readonly Point[]): number {
  const sorted = points.map(({ value }) => value).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
