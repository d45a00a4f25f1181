/** Three models for this machine: chosen by hand, judged by the same desk as everything on the hub. */
import { Fault, type FaultKind } from '#src/faults.ts';
import type { FitReport, FitRow } from '#src/hub/fit-desk.ts';
import { inParallel } from '#src/hub/in-parallel.ts';
import type { HubLibrary } from '#src/hub/library.ts';
import { type Candidate, candidatesFor, PICK_KINDS, type PickKind, rowFor } from './candidates.ts';

/** A model to download, with what is known of it before. */
export type ModelPick = {
  readonly kind: PickKind;
  readonly repository: string;
  readonly file: string;
  readonly quantization: string | null;
  /** All that would be fetched. */
  readonly sizeBytes: number;
  readonly hasProjector: boolean;
  readonly verdict: FitRow['fit']['verdict'];
  readonly needBytes: number;
  /** Null where nothing was measured on this machine yet. */
  readonly tokensPerS: number | null;
};

/** One for each purpose, where there is one. */
export type ModelPicks = readonly ModelPick[];

/** What says something about one repository only, not about the hub. */
const PASSED: ReadonlySet<FaultKind> = new Set(['not-found', 'unprocessable', 'hub-gated', 'hub-token-missing']);

/** Asks the hub about them. Throws its Faults when it cannot be asked at all. */
export async function findPicks(fits: Fits, budgetBytes: number, signal: AbortSignal): Promise<ModelPicks> {
  const found = await inParallel(PICK_KINDS, PICK_KINDS.length, (kind) => pickOf(kind, fits, budgetBytes, signal));
  const picks = found.filter((pick) => pick !== null);
  // On a small machine the best that fits is the small one: it is shown once.
  return picks.filter(({ file }, index) => picks.findIndex((other) => other.file === file) === index);
}

type Fits = Pick<HubLibrary['fits'], 'report'>;

async function pickOf(kind: PickKind, fits: Fits, budgetBytes: number, signal: AbortSignal): Promise<ModelPick | null> {
  for (const candidate of candidatesFor(kind, budgetBytes)) {
    const pick = await judged(kind, candidate, fits, signal);
    if (pick !== null) return pick;
  }
  return null;
}

/** Null when it is not there, cannot be had, or does not fit. */
async function judged(
  kind: PickKind,
  { repository, quantization }: Candidate,
  fits: Fits,
  signal: AbortSignal,
): Promise<ModelPick | null> {
  try {
    const report = await fits.report(repository, { file: null, projector: null, launch: {} }, signal);
    const row = rowFor(report.rows, quantization);
    return row && pickFrom(kind, repository, row, report);
  } catch (cause) {
    if (cause instanceof Fault && PASSED.has(cause.kind)) return null;
    throw cause;
  }
}

function pickFrom(kind: PickKind, repository: string, row: FitRow, { projector }: FitReport): ModelPick | null {
  const [first] = row.group.files;
  if (!first) return null;
  return {
    ...{ kind, repository, file: first.path, quantization: row.quantization },
    sizeBytes: row.group.sizeBytes + (projector?.sizeBytes ?? 0),
    hasProjector: projector !== null,
    verdict: row.fit.verdict,
    needBytes: row.fit.need.totalBytes,
    tokensPerS: row.speed?.tokensPerS ?? null,
  };
}
