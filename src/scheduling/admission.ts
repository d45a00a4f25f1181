/**
 * Decides whether a model may load now, and what must happen first. Pure: the same memory gives the same answer.
 * `admitAll` asks for each wanted model in turn; what an earlier one was promised no later one can take.
 */
import type { ModelId } from '#src/models/model.ts';
import { bytesOf, cheapestToLose, mlxProcessesOf } from './eviction.ts';
import type { Lack, Occupant, Room, TurnRules, Want } from './occupant.ts';
import { changesAtMs, inTurn, type Standing, standing } from './turns.ts';

/**
 * What may be done for one wanted model. `leaving` are those whose memory it will take, evicted or already stopping.
 */
export type Admission =
  /** It may start once `evict` are gone; with nobody leaving, now. */
  | {
      readonly decision: 'start';
      readonly lacks: Lack | null;
      readonly evict: readonly ModelId[];
      readonly leaving: readonly ModelId[];
    }
  /**
   * It must wait for `for`. `close` (some of them) get no new requests, so that they end. `wakeAtMs` is when time alone
   * may change the answer; null = only an event can.
   */
  | {
      readonly decision: 'wait';
      readonly lacks: Lack;
      readonly why: 'busy' | 'stopping' | 'turn';
      readonly for: readonly ModelId[];
      readonly close: readonly ModelId[];
      readonly leaving: readonly ModelId[];
      readonly wakeAtMs: number | null;
    }
  /** It can never fit while things are as they are: `pinned` hold what it lacks, or nobody does. */
  | {
      readonly decision: 'refuse';
      readonly lacks: Lack;
      readonly pinned: readonly ModelId[];
      readonly availableBytes: number;
    };

export type AdmissionTerms = {
  readonly budgetBytes: number;
  /** MLX servers that may run at a time; 0 = any number. */
  readonly mlxProcessesMax: number;
  readonly nowMs: number;
  readonly rules: TurnRules;
};

export type Admitted = { readonly want: Want; readonly admission: Admission };

/** One answer per want, in the order of their turns. */
export function admitAll(
  wants: readonly Want[],
  occupants: readonly Occupant[],
  terms: AdmissionTerms,
): readonly Admitted[] {
  let view = occupants;
  return inTurn(wants).map((want) => {
    const admission = admit(want, view, terms);
    view = promised(want, admission, view);
    return { want, admission };
  });
}

/** The answer for one want among these occupants, itself not among them. */
export function admit(want: Want, occupants: readonly Occupant[], terms: AdmissionTerms): Admission {
  const pinned = occupants.filter((other) => other.isPinned && other.phase !== 'stopping');
  const availableBytes = terms.budgetBytes - bytesOf(pinned);
  if (want.bytes > availableBytes) {
    const areInTheWay = want.bytes <= terms.budgetBytes;
    return { decision: 'refuse', lacks: 'memory', pinned: areInTheWay ? idsOf(pinned) : [], availableBytes };
  }
  if (missingMlxProcesses(want, pinned, terms) > 0) {
    const held = idsOf(pinned.filter((other) => other.mlxProcesses > 0));
    return { decision: 'refuse', lacks: 'mlx-process', pinned: held, availableBytes };
  }
  const missing: Room = {
    bytes: want.bytes - (terms.budgetBytes - bytesOf(occupants)),
    mlxProcesses: missingMlxProcesses(want, occupants, terms),
  };
  if (missing.bytes <= 0 && missing.mlxProcesses <= 0) {
    return { decision: 'start', lacks: null, evict: [], leaving: [] };
  }
  return roomFor(want, occupants, missing, terms, missing.bytes > 0 ? 'memory' : 'mlx-process');
}

/** How room is made, or waited for. */
function roomFor(
  want: Want,
  occupants: readonly Occupant[],
  missing: Room,
  terms: AdmissionTerms,
  lacks: Lack,
): Admission {
  const among = (...standings: readonly Standing[]): readonly Occupant[] =>
    occupants.filter((other) => standings.includes(standing(other, want, terms.nowMs, terms.rules)));
  const enough = cheapestToLose(among('stopping'), missing, terms.nowMs);
  const stopping = enough ?? among('stopping');
  const leaving = idsOf(stopping);
  const wait = { decision: 'wait', lacks, for: leaving, close: [], leaving, wakeAtMs: null } as const;
  if (enough) return { ...wait, why: 'stopping' };

  const rest = {
    bytes: missing.bytes - bytesOf(stopping),
    mlxProcesses: missing.mlxProcesses - mlxProcessesOf(stopping),
  };
  const free = cheapestToLose(among('free'), rest, terms.nowMs);
  if (free) return { decision: 'start', lacks, evict: idsOf(free), leaving: [...leaving, ...idsOf(free)] };

  const due = cheapestToLose(among('free', 'due'), rest, terms.nowMs);
  if (due) {
    const serving = idsOf(due.filter(isServing));
    return { ...wait, why: 'busy', for: serving, close: serving, leaving: [...leaving, ...idsOf(due)] };
  }

  const wakeAtMs = nextChange(want, occupants, terms);
  const later = cheapestToLose(among('free', 'due', 'resident', 'busy'), rest, terms.nowMs);
  if (!later) return { ...wait, why: 'turn', for: idsOf(among('coming')), leaving: [], wakeAtMs };
  const staying = later.filter((other) => !among('free').includes(other));
  const why = staying.some(isServing) ? 'busy' : 'turn';
  return { ...wait, why, for: idsOf(staying), leaving: [...leaving, ...idsOf(later)], wakeAtMs };
}

/** How many more MLX servers there would be than there may be. */
function missingMlxProcesses(want: Want, occupants: readonly Occupant[], { mlxProcessesMax }: AdmissionTerms): number {
  if (mlxProcessesMax === 0 || want.mlxProcesses === 0) return 0;
  return Math.max(0, mlxProcessesOf(occupants) + want.mlxProcesses - mlxProcessesMax);
}

/**
 * What those who come later see: the memory that this one will take is spoken for, and so is what makes room for it.
 */
function promised(want: Want, admission: Admission, occupants: readonly Occupant[]): readonly Occupant[] {
  if (admission.decision === 'refuse') return occupants;
  // Behind somebody else's promise nothing is promised twice: a smaller model may use what is free meanwhile.
  const waitsBehindPromise =
    admission.decision === 'wait' && admission.why === 'turn' && admission.leaving.length === 0;
  return waitsBehindPromise ? occupants : replaced(want, admission.leaving, occupants);
}

function replaced(want: Want, leaving: readonly ModelId[], occupants: readonly Occupant[]): readonly Occupant[] {
  const freed = occupants.filter((other) => leaving.includes(other.modelId));
  const coming: Occupant = {
    modelId: want.modelId,
    bytes: Math.max(want.bytes, bytesOf(freed)),
    mlxProcesses: Math.max(want.mlxProcesses, mlxProcessesOf(freed)),
    phase: 'coming',
    isPinned: false,
    inFlight: 0,
    waiting: 0,
    isWished: false,
    readySinceMs: 0,
    idleSinceMs: 0,
    reloadMs: 0,
  };
  return [...occupants.filter((other) => !leaving.includes(other.modelId)), coming];
}

function nextChange(want: Want, occupants: readonly Occupant[], terms: AdmissionTerms): number | null {
  const moments = occupants
    .map((other) => changesAtMs(other, want, terms.nowMs, terms.rules))
    .filter((moment) => moment !== null);
  return moments.length === 0 ? null : Math.min(...moments);
}

const isServing = (occupant: Occupant): boolean => occupant.inFlight > 0 || occupant.waiting > 0;
const idsOf = (occupants: readonly Occupant[]): readonly ModelId[] => occupants.map((occupant) => occupant.modelId);
