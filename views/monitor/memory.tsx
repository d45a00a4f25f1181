/** @jsxImportSource @kitajs/html */
/** Where the memory is, in parts that add up, and one sentence about what happens next. */
import { Card } from '../parts/card.tsx';
import { StackedGauge } from '../parts/gauge.tsx';
import { bytesText } from '../parts/quantity.tsx';

export type MemorySegment = {
  readonly kind: 'models' | 'apps' | 'cache' | 'free';
  readonly label: string;
  readonly bytes: number;
};

export type MemoryData = {
  readonly totalBytes: number;
  /** They sum to `totalBytes`. */
  readonly segments: readonly MemorySegment[];
  /** What models may take of it in all. */
  readonly budgetBytes: number;
  readonly reservedBytes: number;
  /** What will be unloaded when somebody needs room. */
  readonly outlook: string;
};

export const memoryId = 'memory';

export function Memory({ memory }: { memory: MemoryData }): JSX.Element {
  const { totalBytes, segments } = memory;
  return (
    <Card
      id={memoryId}
      title="Memory"
      aside={
        <span class="memory__total" safe>
          {bytesText(totalBytes)}
        </span>
      }
    >
      <StackedGauge
        parts={segments.map(({ kind, bytes }) => ({ kind, ratio: totalBytes > 0 ? bytes / totalBytes : 0 }))}
      />
      <ul class="legend">
        {segments.map(({ kind, label, bytes }) => (
          <li class="legend__entry" data-kind={kind}>
            <span class="legend__label" safe>
              {label}
            </span>
            <b class="legend__value" safe>
              {bytesText(bytes)}
            </b>
          </li>
        ))}
      </ul>
      <p class="memory__outlook" safe>
        {`${budgetText(memory)} ${memory.outlook}`}
      </p>
    </Card>
  );
}

/** Promised, not measured: what a model may grow to counts before it has grown. */
function budgetText({ reservedBytes, budgetBytes }: MemoryData): string {
  return reservedBytes === 0
    ? `Models may take ${bytesText(budgetBytes)}.`
    : `${bytesText(reservedBytes)} of the ${bytesText(budgetBytes)} for models are promised.`;
}
