/** @jsxImportSource @kitajs/html */
/** Where the memory is, in parts that add up, who holds which of it, and one sentence about what happens next. */
import { Card } from '../parts/card.tsx';
import { type GaugePart, StackedGauge } from '../parts/gauge.tsx';
import { bytesText, pluralText } from '../parts/quantity.tsx';

export type MemorySegment = {
  readonly kind: 'models' | 'apps' | 'cache' | 'free';
  readonly label: string;
  readonly bytes: number;
};

/** A model that holds memory, or to which it is promised. */
export type MemoryHolder = {
  readonly name: string;
  readonly heldBytes: number;
  readonly isMeasured: boolean;
  /** What it was reckoned to need; null when nobody reckoned. */
  readonly parts: {
    readonly weightsBytes: number;
    readonly kvCacheBytes: number;
    readonly computeBytes: number;
    readonly engineCacheBytes: number;
  } | null;
};

export type MemoryData = {
  readonly totalBytes: number;
  /** They sum to `totalBytes`. */
  readonly segments: readonly MemorySegment[];
  readonly holders: readonly MemoryHolder[];
  /** What models may take of it in all. */
  readonly budgetBytes: number;
  readonly reservedBytes: number;
  /** What will be unloaded when somebody needs room. */
  readonly outlook: string;
  /** What the models cost each other, when they cost too much; null = nothing to say. */
  readonly advice: string | null;
};

export const memoryId = 'memory';
const HOLDERS_ID = 'memory-holders';

export function Memory({ memory }: { memory: MemoryData }): JSX.Element {
  const { totalBytes, segments, holders } = memory;
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
      <div class="memory__bar">
        <StackedGauge parts={segments.flatMap((segment) => gaugeParts(segment, memory))} />
        <ul class="legend">
          {segments.map((segment) => (
            <li class="legend__entry" data-kind={segment.kind}>
              <LegendEntry segment={segment} holders={holders} />
            </li>
          ))}
        </ul>
        {holders.length === 0 ? '' : <Holders holders={holders} />}
      </div>
      <p class="memory__outlook" safe>
        {`${budgetText(memory)} ${memory.outlook}`}
      </p>
      {memory.advice === null ? (
        ''
      ) : (
        <p class="memory__advice" role="status" safe>
          {memory.advice}
        </p>
      )}
    </Card>
  );
}

function LegendEntry({ segment, holders }: { segment: MemorySegment; holders: readonly MemoryHolder[] }): JSX.Element {
  const entry = (
    <>
      <span class="legend__label" safe>
        {segment.label}
      </span>
      <b class="legend__value" safe>
        {bytesText(segment.bytes)}
      </b>
    </>
  );
  // Pointing at it, or coming to it by the keyboard, shows who holds it; so does a tap.
  return segment.kind === 'models' && holders.length > 0 ? (
    <button class="memory__more" type="button" aria-describedby={HOLDERS_ID}>
      {entry}
    </button>
  ) : (
    entry
  );
}

/** The models' part is divided among them, as far as it goes: memory that is promised may not be taken yet. */
function gaugeParts({ kind, bytes }: MemorySegment, { totalBytes, holders }: MemoryData): readonly GaugePart[] {
  const ratio = totalBytes > 0 ? bytes / totalBytes : 0;
  const held = holders.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  if (kind !== 'models' || held === 0) return [{ kind, ratio }];
  return holders.map((holder) => ({ kind, ratio: (ratio * holder.heldBytes) / held, words: holderText(holder) }));
}

function Holders({ holders }: { holders: readonly MemoryHolder[] }): JSX.Element {
  return (
    <div class="memory__holders" id={HOLDERS_ID} role="tooltip">
      <table class="holders">
        <thead>
          <tr>
            {['Model', 'Weights', 'Context', 'Compute', 'Prompt cache', 'Holds'].map((title) => (
              <th scope="col" safe>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {holders.map((holder) => (
            <HolderRow holder={holder} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function HolderRow({ holder: { name, heldBytes, isMeasured, parts } }: { holder: MemoryHolder }): JSX.Element {
  const cells = parts === null ? [] : [parts.weightsBytes, parts.kvCacheBytes, parts.computeBytes];
  return (
    <tr>
      <th scope="row" safe>
        {name}
      </th>
      {[0, 1, 2].map((index) => (
        <td safe>{cells[index] === undefined ? '–' : bytesText(cells[index])}</td>
      ))}
      <td safe>{parts === null || parts.engineCacheBytes === 0 ? '–' : bytesText(parts.engineCacheBytes)}</td>
      <td safe>{`${bytesText(heldBytes)} ${isMeasured ? 'measured' : 'promised'}`}</td>
    </tr>
  );
}

function holderText({ name, heldBytes, parts }: MemoryHolder): string {
  const held = `${name}: ${bytesText(heldBytes)}`;
  if (parts === null) return held;
  const { weightsBytes, kvCacheBytes, computeBytes } = parts;
  const kinds = `weights ${bytesText(weightsBytes)}, context ${bytesText(kvCacheBytes)}`;
  return `${held} (${kinds}, compute ${bytesText(computeBytes)})`;
}

/** Promised, not measured: what a model may grow to counts before it has grown. */
function budgetText({ reservedBytes, budgetBytes, holders }: MemoryData): string {
  return reservedBytes === 0
    ? `Models may take ${bytesText(budgetBytes)}.`
    : `${bytesText(reservedBytes)} of the ${bytesText(budgetBytes)} for models are promised to ${pluralText(holders.length, 'model')}.`;
}
