/** @jsxImportSource @kitajs/html */
/** What a model did in the last minutes, as the trace of an oscilloscope that comes to rest when the model does. */
import { domKey } from '../parts/dom-key.ts';

export type WaveData = {
  readonly modelId: string;
  /** Tokens per second, oldest first, evenly spaced over the last five minutes. */
  readonly rates: readonly number[];
};

/** A wave's address. */
export const waveId = (modelId: string): string => `wave-${domKey(modelId)}`;

/** Half periods across the whole width. */
const HALVES = 60;
const HALF_WIDTH = 10;
const HEIGHT = 40;
/** A model that is merely slow is not at rest. */
const LEVEL_MIN = 0.12;

export function Wave({ wave }: { wave: WaveData }): JSX.Element {
  const path = wavePath(wave.rates);
  return (
    <svg
      class="wave"
      id={waveId(wave.modelId)}
      viewBox={`0 0 ${HALVES * HALF_WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
      data-rest={wave.rates.some((rate) => rate > 0) ? 'no' : 'yes'}
    >
      <path class="wave__line" d={path} />
      <path class="wave__beam" d={path} pathLength="100" />
    </svg>
  );
}

/** One half wave for each rate, as high as it was fast; the newest at the end, where nothing happened a flat line. */
export function wavePath(rates: readonly number[]): string {
  const top = Math.max(0, ...rates);
  let rest = HALVES - rates.length;
  let path = `M0 ${HEIGHT / 2}`;
  for (const [index, rate] of rates.entries()) {
    if (!(rate > 0)) {
      rest += 1;
      continue;
    }
    if (rest > 0) path += `h${rest * HALF_WIDTH}`;
    rest = 0;
    // A half wave of this kind reaches half as high as its control point.
    const height = Math.round(HEIGHT * Math.max(LEVEL_MIN, rate / top) * 0.9);
    path += `q${HALF_WIDTH / 2} ${index % 2 === 0 ? -height : height} ${HALF_WIDTH} 0`;
  }
  return rest > 0 ? `${path}h${rest * HALF_WIDTH}` : path;
}
