/** What the hub's routes answer: the seed's field names, and ours beside them. Pure. */
import { badgesOf } from './badges.ts';
import type { Detail } from './detail.ts';
import type { FitReport, FitRow } from './fit-desk.ts';
import { type GgufGroup, ggufGroups } from './gguf-groups.ts';
import type { HubFile, HubModel } from './hub.ts';
import type { MlxGroup } from './mlx-group.ts';

const GB = 1e9;
const FILES_SHOWN_MAX = 2_000;
const WEIGHTS = /\.(?:safetensors|bin|pt)$/i;
const TOKENIZER = /(?:^|\/)(?:tokenizer[^/]*|vocab[^/]*|merges\.txt|special_tokens_map\.json|added_tokens\.json)$/i;
const CONFIGURATION = /\.(?:json|jinja|yaml|yml|toml)$/i;

/** One result of a search. */
export function foundModel(model: HubModel) {
  return {
    id: model.id,
    author: model.author,
    downloads: model.downloads,
    likes: model.likes,
    tags: model.tags,
    pipeline_tag: model.task,
    library_name: model.library,
    gated: model.gated,
    private: model.isPrivate,
    created_at: model.createdAt,
    last_modified: model.updatedAt,
    has_gguf: model.tags.includes('gguf'),
    has_mlx: model.tags.some((tag) => tag.toLowerCase().includes('mlx')),
    /** Guessed from tags and family. */
    capabilities: badgesOf(model),
  };
}

/** A repository with everything about it. */
export function detailedModel(detail: Detail, hubUrl: string, modelsDir: string) {
  const { repository, files, groups, twins } = detail;
  const totalBytes = sizeOf(files);
  const models = groups.filter(({ role }) => role === 'model');
  const others = files.filter(({ path }) => !/\.gguf$/i.test(path));
  const [weights, rest] = parted(others, ({ path }) => WEIGHTS.test(path));
  const [tokenizer, remaining] = parted(rest, ({ path }) => TOKENIZER.test(path));
  const [configuration, other] = parted(remaining, ({ path }) => CONFIGURATION.test(path));
  return {
    ...foundModel(repository),
    url: `${hubUrl}/${repository.id}`,
    revision: repository.commit,
    description: detail.description,
    license: repository.licence,
    license_url: repository.licenceUrl,
    languages: repository.languages,
    base_models: repository.baseModels,
    total_size_bytes: totalBytes,
    total_size_gb: gigabytes(totalBytes),
    file_count: files.length,
    has_gguf: models.length > 0,
    has_mlx: detail.isMlx,
    has_chat_template: files.some(({ path }) => /(?:^|\/)(?:tokenizer_config\.json|chat_template\.\w+)$/.test(path)),
    gguf_files: models.flatMap(ggufFiles),
    gguf_groups: models.map(shownGroup),
    mlx_groups: detail.mlx === null ? [] : [shownMlx(detail.mlx)],
    mmproj_files: groups.filter(({ role }) => role === 'projector').map(shownGroup),
    other_gguf_files: groups.filter(({ role }) => role === 'other').map(shownGroup),
    model_weights: weights.map(shownFile),
    tokenizer_files: tokenizer.map(shownFile),
    config_files: configuration.map(shownFile),
    other_files: other.slice(0, FILES_SHOWN_MAX).map(shownFile),
    gguf_repo_id: models.length > 0 ? repository.id : (twins.gguf[0]?.id ?? null),
    mlx_repo_id: detail.isMlx ? repository.id : (twins.mlx[0]?.id ?? null),
    gguf_repos: twins.gguf.map(foundModel),
    mlx_repos: twins.mlx.map(foundModel),
    gguf_repo_files: ggufGroups(detail.ggufTwinFiles)
      .filter(({ role }) => role === 'model')
      .flatMap(ggufFiles),
    mlx_details: mlxDetails(detail),
    models_dir: modelsDir,
  };
}

/** Whether models fit. Bytes throughout; `source` says that nothing was measured. */
export function shownFit(repository: string, { commit, launch, projector, budgetBytes, rows, leftOut }: FitReport) {
  return {
    repository,
    revision: commit,
    source: 'estimated',
    budget_bytes: budgetBytes,
    slots: launch.n_parallel,
    wished_context_tokens: launch.ctx_size,
    cache_type_k: launch.cache_type_k,
    cache_type_v: launch.cache_type_v,
    flash_attn: launch.flash_attn,
    mmproj: projector?.files[0]?.path ?? null,
    mmproj_bytes: projector?.sizeBytes ?? 0,
    fits: rows.map((row) => shownRow(row, projector)),
    left_out: leftOut.map(shownGroup),
  };
}

function shownRow(
  { format, group, architecture, quantization, trainedContextTokens, fit, speed }: FitRow,
  projector: GgufGroup | null,
) {
  const { parts, totalBytes } = fit.need;
  return {
    format,
    file: format === 'mlx' ? null : (group.files[0]?.path ?? null),
    files: group.files.map(({ path }) => path),
    quantization,
    architecture,
    download_bytes: group.sizeBytes + (projector?.sizeBytes ?? 0),
    weights_bytes: parts.weightsBytes,
    kv_cache_bytes: parts.kvCacheBytes,
    compute_bytes: parts.computeBytes,
    engine_cache_bytes: parts.engineCacheBytes,
    total_bytes: totalBytes,
    verdict: fit.verdict,
    context_tokens: fit.contextTokens,
    trained_context_tokens: trainedContextTokens,
    largest_context_tokens: fit.largestContextTokens,
    expected_tokens_per_s: speed?.tokensPerS ?? null,
    expected_from: speed?.from ?? [],
  };
}

function mlxDetails({ isMlx, twins, mlxTwinFiles }: Detail) {
  const [twin] = twins.mlx;
  if (isMlx || !twin) return null;
  const bytes = sizeOf(mlxTwinFiles);
  return { id: twin.id, total_size_bytes: bytes, total_size_gb: gigabytes(bytes), file_count: mlxTwinFiles.length };
}

/** The seed's list, one entry for each file, with its word for what no name says. */
function ggufFiles({ files, quantization }: GgufGroup) {
  return files.map((file) => ({ ...shownFile(file), quantization: quantization ?? 'unknown' }));
}

function shownGroup({ files, quantization, sizeBytes, isComplete }: GgufGroup) {
  return {
    filename: files[0]?.path ?? null,
    files: files.map(({ path }) => path),
    quantization,
    size_bytes: sizeBytes,
    size_gb: gigabytes(sizeBytes),
    is_complete: isComplete,
  };
}

/** The MLX model of a repository, in the words of the other groups; it is fetched whole, so no file names it. */
function shownMlx({ files, weights, quantization, sizeBytes, weightsBytes, isComplete }: MlxGroup) {
  return {
    filename: null,
    files: files.map(({ path }) => path),
    weights: weights.map(({ path }) => path),
    quantization,
    size_bytes: sizeBytes,
    size_gb: gigabytes(sizeBytes),
    weights_bytes: weightsBytes,
    is_complete: isComplete,
  };
}

function shownFile({ path, sizeBytes }: HubFile) {
  return { filename: path, size_bytes: sizeBytes, size_gb: gigabytes(sizeBytes) };
}

function sizeOf(files: readonly HubFile[]): number {
  return files.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}

function gigabytes(bytes: number): number {
  return Math.round((bytes / GB) * 1_000) / 1_000;
}

function parted<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
