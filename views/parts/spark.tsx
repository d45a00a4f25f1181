/** @jsxImportSource @kitajs/html */
/**
 * A line so small that it needs no axes: how something went lately. Whoever shows it says in words what it shows.
 */

export type SparkProps = {
  /** Oldest first, evenly spaced; null where nothing is known. */
  readonly values: readonly (number | null)[];
  /** How many values the whole width is for: fewer stand at its end. */
  readonly count: number;
  /** What is at the upper edge. */
  readonly top: number;
};

const HEIGHT = 32;
/** The stroke has a width, and must not be cut at the edges. */
const MARGIN = 1;
const STEP = 2;

export function Spark({ values, count, top }: SparkProps): JSX.Element {
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${(count - 1) * STEP} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <path class="spark__line" d={sparkPath(values, count, top)} />
    </svg>
  );
}

/** The line's geometry: each known run of values by itself, and of equal values only the first and the last. */
export function sparkPath(values: readonly (number | null)[], count: number, top: number): string {
  const offset = count - values.length;
  let path = '';
  let level: number | null = null;
  for (const [index, value] of values.entries()) {
    const x = (offset + index) * STEP;
    if (value === null) {
      level = null;
      continue;
    }
    const y = heightOf(value, top);
    if (level === null) path += `M${x} ${y}`;
    else if (y !== level) path += `${isFlat(values, index, top) ? `H${x - STEP}` : ''}L${x} ${y}`;
    else if (isLastOfRun(values, index)) path += `H${x}`;
    level = y;
  }
  return path;
}

/** Whether the value before this one stood at the height of the one before it, and was left out. */
function isFlat(values: readonly (number | null)[], index: number, top: number): boolean {
  const before = values[index - 1] ?? null;
  const earlier = values[index - 2] ?? null;
  return before !== null && earlier !== null && heightOf(before, top) === heightOf(earlier, top);
}

function isLastOfRun(values: readonly (number | null)[], index: number): boolean {
  return (values[index + 1] ?? null) === null;
}

function heightOf(value: number, top: number): number {
  const ratio = top > 0 ? Math.min(1, Math.max(0, value / top)) : 0;
  return Math.round(HEIGHT - MARGIN - ratio * (HEIGHT - 2 * MARGIN));
}
