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

/** One result of a search. */
export function foundRow(model: HubModel): FoundRowData {
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
  };
}

/** A repository as its page shows it, before anything is known of its fit. */
export function repositoryData(detail: Detail, hubUrl: string, contextTokens: number): RepositoryData {
  const { repository, twins, groups, mlx } = detail;
  const { id, downloads, likes, licence, updatedAt, gated } = repository;
  const offers = offersOf(groups, mlx);
  const projector = offers.some(({ format }) => format === 'gguf') ? usualProjector(groups) : null;
  return {
    ...{ id, downloads, likes, licence, offers, contextTokens },
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
export function fitsData(offers: readonly OfferData[], report: FitReport): FitsData {
  const rows = new Map(
    report.rows.map((row) => [row.format === 'mlx' ? null : (row.group.files[0]?.path ?? null), row]),
  );
  const [first] = report.rows;
  return {
    offers: offers.map((offer) => {
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
    }),
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
