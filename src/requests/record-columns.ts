/**
 * Records as columns of numbers: 52 bytes each, whatever was recorded, so that many can be kept and counted again and
 * again, for any filter. Names stand in a list of kinds, beside.
 */
import { numberOrNull, stringOrNull } from '#src/json.ts';
import { stepOf } from './spread.ts';

/** What filters and groups go by. Many records are of the same kind. */
export type Kind = {
  readonly modelId: string | null;
  readonly client: string | null;
  readonly outcome: string;
  readonly termination: string;
  readonly errorKind: string | null;
  readonly route: string;
  readonly calledTools: boolean;
  /** It did not complete, and somebody was told why. */
  readonly hasMessage: boolean;
};

/** What `RecordColumns` takes in, in this order, from these columns of the table `requests`. */
export const RECORD_COLUMNS = `id, started_at_ms, model_id, route, outcome, termination, error_kind,
  finish_reason IN ('tool_calls', 'tool_use'), outcome <> 'completed' AND error_message IS NOT NULL, client,
  queue_ms, load_ms, ttft_ms, duration_ms, input_tokens, cached_tokens, output_tokens,
  decode_tokens_per_s, prefill_tokens_per_s`;

/** Where a kind stands in a row: the names that vary least first. */
const KIND_FIRST = 2;
const KIND_LAST = 9;

/** Numbers of each record in `times`: its start (ms since 1970), its id, and the ms it waited for a load. */
export const TIMES = 3;
/** Numbers of each record in `tokens`: input, cached, output. Unknown counts as none. */
export const TOKENS = 3;
/** Numbers of each record in `steps`: of queue, first token, duration, input tokens, speed and prompt speed. */
export const STEPS = 6;

/** The kinds of many records, numbered. */
export class Kinds {
  readonly #root = new KindNode();
  readonly #list: Kind[] = [];

  get list(): readonly Kind[] {
    return this.#list;
  }

  /** The number of a row's kind. */
  codeOf(row: readonly unknown[]): number {
    let node = this.#root;
    for (let place = KIND_FIRST; place <= KIND_LAST; place += 1) node = node.next(row[place]);
    if (node.code === null) {
      node.code = this.#list.length;
      this.#list.push(kindOf(row));
    }
    return node.code;
  }
}

class KindNode {
  readonly #next = new Map<unknown, KindNode>();
  code: number | null = null;

  next(value: unknown): KindNode {
    const known = this.#next.get(value);
    if (known) return known;
    const node = new KindNode();
    this.#next.set(value, node);
    return node;
  }
}

function kindOf(row: readonly unknown[]): Kind {
  return {
    modelId: stringOrNull(row[2]),
    route: stringOrNull(row[3]) ?? '',
    outcome: stringOrNull(row[4]) ?? '',
    termination: stringOrNull(row[5]) ?? '',
    errorKind: stringOrNull(row[6]),
    calledTools: row[7] === 1,
    hasMessage: row[8] === 1,
    client: stringOrNull(row[9]),
  };
}

const CAPACITY_FIRST = 16;

/** Records in the order of their start, then of their id. */
export class RecordColumns {
  readonly kinds: Kinds;
  #count = 0;
  #times = new Float64Array();
  #tokens = new Uint32Array();
  #steps = new Int16Array();
  #codes = new Uint32Array();

  constructor(kinds: Kinds) {
    this.kinds = kinds;
  }

  get count(): number {
    return this.#count;
  }

  get times(): Float64Array {
    return this.#times;
  }

  get tokens(): Uint32Array {
    return this.#tokens;
  }

  get steps(): Int16Array {
    return this.#steps;
  }

  /** Places in `kinds.list`. */
  get codes(): Uint32Array {
    return this.#codes;
  }

  /** Takes in a row of `RECORD_COLUMNS`; quick when it is the newest. */
  insert(row: readonly unknown[]): void {
    const startedAtMs = Number(row[1]);
    const id = Number(row[0]);
    if (this.#count === this.#codes.length) this.#resize(Math.max(CAPACITY_FIRST, this.#count * 2));
    let place = this.#count;
    while (place > 0 && this.#isAfter(place - 1, startedAtMs, id)) place -= 1;
    if (place < this.#count) this.#makeRoom(place);
    this.#times.set([startedAtMs, id, numberOrNull(row[11]) ?? 0], place * TIMES);
    const input = numberOrNull(row[14]);
    this.#tokens.set([input ?? 0, numberOrNull(row[15]) ?? 0, numberOrNull(row[16]) ?? 0], place * TOKENS);
    const at = place * STEPS;
    this.#steps[at] = stepOf(numberOrNull(row[10]));
    this.#steps[at + 1] = stepOf(numberOrNull(row[12]));
    this.#steps[at + 2] = stepOf(Number(row[13]));
    this.#steps[at + 3] = stepOf(input);
    this.#steps[at + 4] = stepOf(numberOrNull(row[17]));
    this.#steps[at + 5] = stepOf(numberOrNull(row[18]));
    this.#codes[place] = this.kinds.codeOf(row);
    this.#count += 1;
  }

  /** Gives back the room for records that are not expected any more. */
  trim(): void {
    if (this.#codes.length > this.#count) this.#resize(this.#count);
  }

  #isAfter(place: number, startedAtMs: number, id: number): boolean {
    const other = this.#times[place * TIMES] ?? 0;
    return other > startedAtMs || (other === startedAtMs && (this.#times[place * TIMES + 1] ?? 0) > id);
  }

  #makeRoom(place: number): void {
    const end = this.#count;
    this.#times.copyWithin((place + 1) * TIMES, place * TIMES, end * TIMES);
    this.#tokens.copyWithin((place + 1) * TOKENS, place * TOKENS, end * TOKENS);
    this.#steps.copyWithin((place + 1) * STEPS, place * STEPS, end * STEPS);
    this.#codes.copyWithin(place + 1, place, end);
  }

  #resize(capacity: number): void {
    const count = Math.min(this.#count, capacity);
    const [times, tokens, steps, codes] = [this.#times, this.#tokens, this.#steps, this.#codes];
    this.#times = new Float64Array(capacity * TIMES);
    this.#tokens = new Uint32Array(capacity * TOKENS);
    this.#steps = new Int16Array(capacity * STEPS);
    this.#codes = new Uint32Array(capacity);
    this.#times.set(times.subarray(0, count * TIMES));
    this.#tokens.set(tokens.subarray(0, count * TOKENS));
    this.#steps.set(steps.subarray(0, count * STEPS));
    this.#codes.set(codes.subarray(0, count));
  }
}
