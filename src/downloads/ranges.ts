/** Which bytes of a file are there: sorted ranges that do not touch. Pure. */

/** `from` is included, `to` is not. */
export type Range = { readonly from: number; readonly to: number };

/** The ranges with one more; overlapping and touching ones become one. */
export function withRange(ranges: readonly Range[], added: Range): Range[] {
  if (added.from >= added.to) return [...ranges];
  const before = ranges.filter(({ to }) => to < added.from);
  const after = ranges.filter(({ from }) => from > added.to);
  const touched = ranges.filter(({ from, to }) => to >= added.from && from <= added.to);
  const from = Math.min(added.from, ...touched.map((range) => range.from));
  const to = Math.max(added.to, ...touched.map((range) => range.to));
  return [...before, { from, to }, ...after];
}

/** What is missing of `[0, sizeBytes)`. */
export function gaps(ranges: readonly Range[], sizeBytes: number): Range[] {
  const found: Range[] = [];
  let at = 0;
  for (const { from, to } of ranges) {
    if (from > at) found.push({ from: at, to: Math.min(from, sizeBytes) });
    at = Math.max(at, to);
  }
  if (at < sizeBytes) found.push({ from: at, to: sizeBytes });
  return found;
}

/** How far the bytes go from the beginning without a gap. */
export function prefixEnd(ranges: readonly Range[]): number {
  const [first] = ranges;
  return first?.from === 0 ? first.to : 0;
}

/** How many bytes there are. */
export function bytesIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}

/**
 * The next range to fetch: the first that is neither there nor on its way, at most `lengthMax` long and ending at a
 * multiple of it, so that parts do not crumble; null when nothing is left to begin.
 */
export function nextRange(
  present: readonly Range[],
  onTheirWay: readonly Range[],
  sizeBytes: number,
  lengthMax: number,
): Range | null {
  const taken = onTheirWay.reduce((ranges, range) => withRange(ranges, range), [...present]);
  const [gap] = gaps(taken, sizeBytes);
  if (!gap) return null;
  return { from: gap.from, to: Math.min(gap.to, (Math.floor(gap.from / lengthMax) + 1) * lengthMax) };
}
