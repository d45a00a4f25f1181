/** What the pages show of the hub's answers, and what they take of a person's words. Pure. */
import { badgesOf } from '#src/hub/badges.ts';
import type { Detail } from '#src/hub/detail.ts';
import type { FitReport } from '#src/hub/fit-desk.ts';
import { type GgufGroup, usualProjector } from '#src/hub/gguf-groups.ts';
import type { HubModel } from '#src/hub/hub.ts';
import type { MlxGroup } from '#src/hub/mlx-group.ts';
import { isRepositoryId } from '#src/hub/names.ts';
import type { FoundRowData } from '#views/library/found.tsx';
import type { FitsData, OfferData, RepositoryData } from '#views/library/repository.tsx';

/** A repository that somebody named, and which of its models. */
export type Reference = { readonly repository: string; readonly quantization: string | null };

const DAY_LENGTH = 10;
const LICENCE = 'license:';
const TWINS_SHOWN_MAX = 5;

/** `owner/name`, `owner/name:QUANT` or the address of a page of the hub; null for other words. */
export function readReference(text: string): Reference | null {
  const trimmed = text.trim();
  const isAddress = /^https?:\/\/|^(?:www\.)?(?:huggingface\.co|hf\.co)\//.test(trimmed);
  const path = isAddress ? trimmed.replace(/^https?:\/\//, '').replace(/^[^/]*\//, '') : trimmed;
  const [owner = '', rest = '', ...more] = (path.split(/[?#]/)[0] ?? '').split('/');
  if (!isAddress && more.length > 0) return null;
  const [name = '', quantization] = rest.split(':', 2);
  const repository = `${owner}/${name}`;
  return isRepositoryId(repository) && owner !== '' && name !== ''
    ? { repository, quantization: quantization || null }
    : null;
}

/**
 * What a model takes by the size that its name says, quantised to some four bits and with a little context; null when
 * the name says none. A guess for lists, where reading every header would take minutes.
 */
export function roughBytes(id: string): number | null {
  const [, experts, count, unit] = /(?:^|[-_/ .])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?=$|[-_ .])/i.exec(id) ?? [];
  if (count === undefined || unit === undefined) return null;
  const parameters = Number(count) * Number(experts ?? 1) * (unit.toLowerCase() === 'b' ? 1e9 : 1e6);
  return parameters * BYTES_PER_PARAMETER;
}

/** Q4_K_M takes some 4.8 bits; a tenth more is for context and buffers. */
const BYTES_PER_PARAMETER = 0.66;

/** One result of a search, on a machine with so much memory for models. */
export function foundRow(model: HubModel, budgetBytes: number): FoundRowData {
  const rough = roughBytes(model.id);
  const { id, downloads, likes, updatedAt, tags, gated } = model;
  const lower = tags.map((tag) => tag.toLowerCase());
  return {
    ...{ id, downloads, likes },
    updatedDay: dayOf(updatedAt),
    licence: tags.find((tag) => tag.startsWith(LICENCE))?.slice(LICENCE.length) ?? null,
    isGated: gated !== false,
    formats: [
      ...(lower.includes('gguf') ? ['GGUF'] : []),
      ...(lower.some((tag) => tag.includes('mlx')) ? ['MLX'] : []),
    ],
    abilities: abilitiesOf(model),
    roughly: rough === null ? null : { bytes: rough, isTooBig: rough > budgetBytes },
  };
}

/**
 * The quantisation to take on this machine: the one that was named, else the best that fits and is quantised at all
 * (eight bits lose nothing that can be noticed), else the best that fits, else the best that only just does. Offers
 * come best first.
 */
export function recommended(offers: readonly OfferData[], named: string): OfferData | null {
  const usable = offers.filter(({ isComplete }) => isComplete);
  const wanted = usable.find(({ quantization }) => quantization?.toLowerCase() === named.toLowerCase());
  const fitting = usable.filter(({ fit }) => fit?.verdict === 'fits');
  const quantised = fitting.find(({ quantization }) => !/^(?:B?F16|F32|FP16)$/i.test(quantization ?? ''));
  return wanted ?? quantised ?? fitting[0] ?? usable.find(({ fit }) => fit?.verdict === 'tight') ?? null;
}

/** A repository as its page shows it, before anything is known of its fit. */
export function repositoryData(
  detail: Detail,
  hubUrl: string,
  contextTokens: number,
  quantization: string,
): RepositoryData {
  const { repository, twins, groups, mlx } = detail;
  const { id, downloads, likes, licence, updatedAt, gated } = repository;
  const offers = offersOf(groups, mlx);
  const projector = offers.some(({ format }) => format === 'gguf') ? usualProjector(groups) : null;
  return {
    ...{ id, downloads, likes, licence, offers, contextTokens, quantization },
    url: `${hubUrl}/${id}`,
    updatedDay: dayOf(updatedAt),
    isGated: gated !== false,
    abilities: abilitiesOf(repository),
    description: detail.description,
    projectorBytes: projector?.sizeBytes ?? null,
    twins: [
      ...twins.gguf.slice(0, TWINS_SHOWN_MAX).map((twin) => ({ id: twin.id, format: 'GGUF' })),
      ...twins.mlx.slice(0, TWINS_SHOWN_MAX).map((twin) => ({ id: twin.id, format: 'MLX' })),
    ],
  };
}

/** What can be downloaded of a repository: its GGUF models, or else the MLX model that it is. */
export function offersOf(groups: readonly GgufGroup[], mlx: MlxGroup | null): readonly OfferData[] {
  const models = groups.filter(({ role }) => role === 'model');
  const unknown = { fit: null };
  if (models.length > 0) {
    return models.map(({ files, quantization, sizeBytes, isComplete }) => ({
      ...{ ...unknown, quantization, isComplete },
      file: files[0]?.path ?? null,
      format: 'gguf',
      parts: files.length,
      bytes: sizeBytes,
    }));
  }
  if (mlx === null) return [];
  const { quantization, isComplete, files, sizeBytes } = mlx;
  return [{ ...unknown, quantization, isComplete, file: null, format: 'mlx', parts: files.length, bytes: sizeBytes }];
}

/** The offers with what the headers say of them. */
export function fitsData(offers: readonly OfferData[], report: FitReport, named: string): FitsData {
  const rows = new Map(
    report.rows.map((row) => [row.format === 'mlx' ? null : (row.group.files[0]?.path ?? null), row]),
  );
  const [first] = report.rows;
  const judged = offers.map((offer) => {
    const row = rows.get(offer.file);
    if (!row) return offer;
    const { fit, speed, trainedContextTokens } = row;
    return {
      ...offer,
      quantization: row.quantization ?? offer.quantization,
      fit: {
        verdict: fit.verdict,
        needBytes: fit.need.totalBytes,
        largestContextTokens: fit.largestContextTokens,
        trainedContextTokens,
        tokensPerS: speed?.tokensPerS ?? null,
      },
    };
  });
  return {
    offers: judged,
    recommended: recommended(judged, named)?.file ?? null,
    named,
    basis: {
      contextTokens: first?.fit.contextTokens ?? report.launch.ctx_size,
      slots: report.launch.n_parallel,
      budgetBytes: report.budgetBytes,
      projectorBytes: report.projector?.sizeBytes ?? 0,
      speedFrom: first?.speed?.from ?? [],
    },
    trouble: null,
  };
}

function abilitiesOf(model: HubModel): readonly string[] {
  const { tools, vision, reasoning } = badgesOf(model);
  return [...(tools ? ['tools'] : []), ...(vision ? ['vision'] : []), ...(reasoning ? ['reasoning'] : [])];
}

function dayOf(date: string | null): string | null {
  return date?.slice(0, DAY_LENGTH) ?? null;
}
