/** Answers "does it fit?" for the files of a repository: headers fetched, the rest computed. */
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { defaultsOf } from '#src/models/launch.ts';
import type { LaunchOverrides, LaunchSettings, ModelFormat } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';
import { type ExpectedSpeed, expectedSpeed, type MeasuredSpeed } from './expected-speed.ts';
import { type Fit, fitOf } from './fit.ts';
import { type GgufGroup, ggufGroups, groupWith, usualProjector } from './gguf-groups.ts';
import type { Hub, HubFile } from './hub.ts';
import { inParallel } from './in-parallel.ts';
import { type MlxGroup, mlxGroup } from './mlx-group.ts';
import type { RemoteHeaders } from './remote-header.ts';

export type FitDeskParts = {
  readonly hub: Hub;
  readonly headers: RemoteHeaders;
  readonly clock: Clock;
  readonly settings: () => Settings;
  readonly budgetBytes: () => number;
  /** Speeds measured on this machine; asked for at most once a minute. */
  readonly measured: () => readonly MeasuredSpeed[];
  readonly edition: () => string;
};

export type FitWish = {
  /** A path in the repository; null = every quantisation. */
  readonly file: string | null;
  /** Path of a projector; empty = none; null = the usual one of the repository, if it has one. */
  readonly projector: string | null;
  readonly launch: LaunchOverrides;
};

export type FitRow = {
  readonly format: ModelFormat;
  /** All that would be fetched. */
  readonly group: Pick<GgufGroup, 'files' | 'sizeBytes'>;
  readonly architecture: string;
  readonly quantization: string | null;
  readonly trainedContextTokens: number | null;
  readonly fit: Fit;
  readonly speed: ExpectedSpeed | null;
};

export type FitReport = {
  readonly commit: string;
  readonly launch: LaunchSettings;
  readonly projector: GgufGroup | null;
  readonly budgetBytes: number;
  readonly rows: readonly FitRow[];
  /** Quantisations of which nothing is said: their headers cannot be read, or there are too many in one. */
  readonly leftOut: readonly GgufGroup[];
};

const HEADERS_AT_ONCE = 4;
/** Repositories with more models than this in one are asked about file by file. */
const FAMILIES_MAX = 8;
/** Real repositories have some fifty; each takes up to a millisecond of computing. */
const ROWS_MAX = 200;
const SPEEDS_AGE_MS_MAX = 60_000;

/** Knows the fit of what the hub offers. */
export class FitDesk {
  readonly #parts: FitDeskParts;
  #measured: readonly MeasuredSpeed[] = [];
  #measuredMs = Number.NEGATIVE_INFINITY;

  constructor(parts: FitDeskParts) {
    this.#parts = parts;
  }

  /**
   * The fit of one file, or of each quantisation. Throws what the hub throws, Fault('not-found') for a file that is not
   * there, Fault('unprocessable') for one that is no model or lacks shards.
   */
  async report(id: string, wish: FitWish, signal: AbortSignal): Promise<FitReport> {
    const { hub, settings, budgetBytes } = this.#parts;
    const { commit } = await hub.repository(id, signal);
    const files = await hub.files(id, commit, signal);
    const groups = ggufGroups(files);
    const launch = { ...defaultsOf(settings()), ...wish.launch };
    const mlx = mlxWished(id, files, groups, wish);
    if (mlx) {
      const row = await this.#mlxRow({ repository: id, revision: commit }, mlx, launch, signal);
      return { commit, launch, projector: null, budgetBytes: budgetBytes(), rows: [row], leftOut: [] };
    }
    const projector = projectorOf(groups, wish.projector, id);
    const budget = budgetBytes();
    const offered = wish.file === null ? completeModels(groups) : [modelWith(groups, wish.file, id)];
    const wanted = offered.slice(0, ROWS_MAX);
    const facts = await this.#factsByFamily(id, commit, wanted, signal);
    const rows = wanted.flatMap((group): FitRow[] => {
      const known = facts.get(familyOf(group));
      if (!known) return [];
      const question = { facts: known, weightsBytes: group.sizeBytes, projectorBytes: projector?.sizeBytes ?? 0 };
      return [
        {
          format: 'gguf',
          group,
          architecture: known.architecture,
          quantization: group.quantization ?? (wanted.length === 1 ? known.quantization : null),
          trainedContextTokens: known.contextTokens,
          fit: fitOf({ ...question, launch, budgetBytes: budget }),
          speed: expectedSpeed(known, group.sizeBytes, this.#speeds()),
        },
      ];
    });
    const leftOut = offered.filter((group, at) => at >= ROWS_MAX || !facts.has(familyOf(group)));
    return { commit, launch, projector, budgetBytes: budget, rows, leftOut };
  }

  async #mlxRow(
    place: { readonly repository: string; readonly revision: string },
    group: MlxGroup,
    launch: LaunchSettings,
    signal: AbortSignal,
  ): Promise<FitRow> {
    const { headers, edition, budgetBytes } = this.#parts;
    const facts = await headers.mlxFactsOf(place, group, edition(), signal);
    if (facts.role !== 'model') {
      throw new Fault('unprocessable', `${place.repository} is not a model that can answer.`);
    }
    const { weightsBytes } = group;
    return {
      format: 'mlx',
      group,
      architecture: facts.architecture,
      quantization: facts.quantization ?? group.quantization,
      trainedContextTokens: facts.contextTokens,
      fit: fitOf({ facts, weightsBytes, projectorBytes: 0, launch, budgetBytes: budgetBytes() }),
      speed: expectedSpeed(facts, weightsBytes, this.#speeds()),
    };
  }

  /** Quantisations of one model have the same layers, so the smallest file's header speaks for all of them. */
  async #factsByFamily(id: string, commit: string, groups: readonly GgufGroup[], signal: AbortSignal) {
    const smallest = new Map<string, GgufGroup>();
    for (const group of groups) {
      const known = smallest.get(familyOf(group));
      if (!known || group.sizeBytes < known.sizeBytes) smallest.set(familyOf(group), group);
    }
    const asked = [...smallest].slice(0, FAMILIES_MAX);
    const found = new Map<string, ModelFacts>();
    const unreadable: Fault[] = [];
    await inParallel(asked, HEADERS_AT_ONCE, async ([family, group]) => {
      try {
        found.set(family, await this.#factsOf(id, commit, group, signal));
      } catch (cause) {
        // One odd file among many says nothing about the others.
        if (!(cause instanceof Fault) || cause.kind !== 'unprocessable') throw cause;
        unreadable.push(cause);
      }
    });
    if (found.size === 0 && unreadable[0]) throw unreadable[0];
    return found;
  }

  async #factsOf(id: string, commit: string, { files }: GgufGroup, signal: AbortSignal): Promise<ModelFacts> {
    const [first] = files;
    if (!first) throw new Fault('not-found', `${id} has no such file.`);
    const name = { repository: id, revision: commit, path: first.path };
    const facts = await this.#parts.headers.factsOf(name, first.sizeBytes, this.#parts.edition(), signal);
    if (facts.role === 'model') return facts;
    throw new Fault('unprocessable', `${first.path} is not a model that can answer; it belongs to one.`);
  }

  #speeds(): readonly MeasuredSpeed[] {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#measuredMs > SPEEDS_AGE_MS_MAX) {
      this.#measured = this.#parts.measured();
      this.#measuredMs = nowMs;
    }
    return this.#measured;
  }
}

/** The MLX model, when a file of it is asked for, or everything of a repository that has nothing else. */
function mlxWished(
  id: string,
  files: readonly HubFile[],
  groups: readonly GgufGroup[],
  { file }: FitWish,
): MlxGroup | null {
  const group = mlxGroup(id, files);
  const isWished = file === null ? !groups.some(({ role }) => role === 'model') : !/\.gguf$/i.test(file);
  if (!group || !isWished) return null;
  if (file !== null && !group.files.some(({ path }) => path === file)) {
    throw new Fault('not-found', `${id} has no such file.`);
  }
  if (group.isComplete) return group;
  throw new Fault('unprocessable', `${id} lacks parts of this model, so it cannot be loaded.`);
}

/** A single file of unknown quantisation is its own family. */
function familyOf({ family, quantization, files }: GgufGroup): string {
  return quantization === null ? (files[0]?.path ?? family) : family;
}

function completeModels(groups: readonly GgufGroup[]): readonly GgufGroup[] {
  return groups.filter(({ role, isComplete }) => role === 'model' && isComplete);
}

function modelWith(groups: readonly GgufGroup[], path: string, id: string): GgufGroup {
  const group = groupWith(groups, path);
  if (!group) throw new Fault('not-found', `${id} has no GGUF file of this name.`);
  if (group.role !== 'model') {
    throw new Fault('unprocessable', `${path} is not a model that can answer; it belongs to one.`);
  }
  if (!group.isComplete) throw new Fault('unprocessable', `${id} lacks parts of ${path}, so it cannot be loaded.`);
  return group;
}

function projectorOf(groups: readonly GgufGroup[], wish: string | null, id: string): GgufGroup | null {
  if (wish === null) return usualProjector(groups);
  if (wish === '') return null;
  const group = groupWith(groups, wish);
  if (group?.role === 'projector') return group;
  throw new Fault('not-found', `${id} has no projector of this name.`);
}
