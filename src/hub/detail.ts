/** All that a page about a repository tells: itself, its files, and where else the same model is. */
import { Fault } from '#src/faults.ts';
import { type GgufGroup, ggufGroups } from './gguf-groups.ts';
import type { Hub, HubFile, HubModel, HubRepository } from './hub.ts';
import { readUpTo } from './hub-request.ts';
import { inParallel } from './in-parallel.ts';
import { type MlxGroup, mlxGroup } from './mlx-group.ts';
import { isFilePath, isRepositoryId } from './names.ts';
import type { RemoteHeaders } from './remote-header.ts';

export type Twins = { readonly gguf: readonly HubModel[]; readonly mlx: readonly HubModel[] };

export type Detail = {
  readonly repository: HubRepository;
  readonly files: readonly HubFile[];
  readonly groups: readonly GgufGroup[];
  /** The beginning of the model's card; empty when it has none, or it did not come. */
  readonly description: string;
  readonly isMlx: boolean;
  /** The model that MLX servers could run as it is; null when the repository holds none. */
  readonly mlx: MlxGroup | null;
  readonly twins: Twins;
  /** Files of the first GGUF twin, when this repository has no GGUF itself; the same for MLX. */
  readonly ggufTwinFiles: readonly HubFile[];
  readonly mlxTwinFiles: readonly HubFile[];
};

export type DetailParts = { readonly hub: Hub; readonly headers: RemoteHeaders; readonly edition: () => string };

const QUESTIONS_AT_ONCE = 4;
const TWINS_MAX = 10;
const UNNAMED_MAX = 4;
const CARD_BYTES_MAX = 64 << 10;
const CARD_MS_MAX = 10_000;
const DESCRIPTION_LENGTH_MAX = 2_000;
/** Publishers who convert what others make, the most used first. */
const GGUF_MAKERS = ['unsloth', 'bartowski', 'ggml-org', 'lmstudio-community'];
const MLX_ENDS = ['4bit', '8bit', 'bf16'];

/** Throws what the hub throws about the repository and its files; whatever else does not come is left out. */
export async function detailOf(parts: DetailParts, id: string, signal: AbortSignal): Promise<Detail> {
  const { hub } = parts;
  const [repository, files, description] = await Promise.all([
    hub.repository(id, signal),
    hub.files(id, 'main', signal).then(sound),
    described(hub, id, signal),
  ]);
  const isMlx = [repository.library, ...repository.tags].some((tag) => tag?.toLowerCase().includes('mlx'));
  const [groups, twins, mlx] = await Promise.all([
    withHeaders(parts, repository, ggufGroups(files), signal),
    twinsOf(hub, repository, signal),
    withConfig(parts, repository, mlxGroup(id, files), signal),
  ]);
  const hasGguf = groups.some(({ role }) => role === 'model');
  const [ggufTwinFiles, mlxTwinFiles] = await Promise.all([
    hasGguf ? [] : filesOfFirst(hub, twins.gguf, signal),
    isMlx ? [] : filesOfFirst(hub, twins.mlx, signal),
  ]);
  return { repository, files, groups, description, isMlx, mlx, twins, ggufTwinFiles, mlxTwinFiles };
}

/** Asks the headers of the few whose names do not say how they are quantised. */
async function withHeaders(
  { headers, edition }: DetailParts,
  { id, commit }: HubRepository,
  groups: readonly GgufGroup[],
  signal: AbortSignal,
): Promise<readonly GgufGroup[]> {
  const unnamed = groups.filter(({ role, quantization }) => role === 'model' && quantization === null);
  const asked = new Set(unnamed.slice(0, UNNAMED_MAX));
  return inParallel(groups, QUESTIONS_AT_ONCE, async (group) => {
    const [first] = group.files;
    if (!first || !asked.has(group)) return group;
    const name = { repository: id, revision: commit, path: first.path };
    const facts = await unless(signal, headers.factsOf(name, first.sizeBytes, edition(), signal), null);
    return facts === null ? group : { ...group, quantization: facts.quantization };
  });
}

/** Asks the configuration how an MLX model's weights are kept: its name may leave out that some are kept otherwise. */
async function withConfig(
  { headers, edition }: DetailParts,
  { id, commit }: HubRepository,
  group: MlxGroup | null,
  signal: AbortSignal,
): Promise<MlxGroup | null> {
  if (!group?.isComplete) return group;
  const place = { repository: id, revision: commit };
  const facts = await unless(signal, headers.mlxFactsOf(place, group, edition(), signal), null);
  return facts === null ? group : { ...group, quantization: facts.quantization ?? group.quantization };
}

/**
 * The same model in the other formats: what says at the hub that it was made from it, and, where nothing does, what is
 * usually called like it.
 */
async function twinsOf(hub: Hub, repository: HubRepository, signal: AbortSignal): Promise<Twins> {
  const base = repository.baseModels[0] ?? plainName(repository.id);
  const [gguf, mlx] = await inParallel(['gguf', 'mlx'] as const, 2, async (format) => {
    const made = await unless(signal, searched(hub, base, format, signal), []);
    const found = made.length > 0 ? made : await probed(hub, candidates(base, format), signal);
    return found.filter(({ id }) => id !== repository.id).slice(0, TWINS_MAX);
  });
  return { gguf: gguf ?? [], mlx: mlx ?? [] };
}

async function searched(hub: Hub, base: string, format: 'gguf' | 'mlx', signal: AbortSignal) {
  const tags = [`base_model:quantized:${base}`];
  const any = { text: '', author: null, task: null, sort: 'downloads', cursor: null } as const;
  return (await hub.search({ ...any, format, tags, limit: TWINS_MAX + 1 }, signal)).models;
}

async function probed(hub: Hub, ids: readonly string[], signal: AbortSignal): Promise<readonly HubModel[]> {
  const found = await inParallel(ids, QUESTIONS_AT_ONCE, (id) => unless(signal, hub.repository(id, signal), null));
  return found.filter((repository) => repository !== null);
}

/** The name without what says that it is a conversion. */
function plainName(id: string): string {
  return id.replace(/[-_.](?:GGUF|MLX)$/i, '').replace(/-(?:\d+bit|bf16|fp16)$/i, '');
}

function candidates(base: string, format: 'gguf' | 'mlx'): readonly string[] {
  const [owner = '', name = ''] = base.split('/');
  const names =
    format === 'gguf'
      ? [`${owner}/${name}-GGUF`, ...GGUF_MAKERS.map((maker) => `${maker}/${name}-GGUF`)]
      : [`mlx-community/${name}`, ...MLX_ENDS.map((end) => `mlx-community/${name}-${end}`)];
  return [...new Set(names)].filter(isRepositoryId);
}

function filesOfFirst(hub: Hub, twins: readonly HubModel[], signal: AbortSignal): Promise<readonly HubFile[]> {
  const [first] = twins;
  return first === undefined
    ? Promise.resolve([])
    : unless(signal, hub.files(first.id, 'main', signal).then(sound), []);
}

async function described(hub: Hub, id: string, signal: AbortSignal): Promise<string> {
  const read = async (): Promise<string> => {
    const name = { repository: id, revision: 'main', path: 'README.md' };
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(CARD_MS_MAX)]);
    const { body } = await hub.open(name, { fromByte: 0, toByte: null }, bounded);
    const text = (await readUpTo(body, CARD_BYTES_MAX)).toString('utf8');
    return text.replace(/^---\r?\n[\s\S]*?\n---\s*/, '').slice(0, DESCRIPTION_LENGTH_MAX);
  };
  return unless(signal, read(), '');
}

/** Files whose names try to be something else are not offered to anybody. */
function sound(files: readonly HubFile[]): readonly HubFile[] {
  return files.filter(({ path }) => isFilePath(path));
}

/** What did not come is left out of the page; but who has left gets nothing. */
async function unless<Value, Otherwise>(
  signal: AbortSignal,
  answer: Promise<Value>,
  otherwise: Otherwise,
): Promise<Value | Otherwise> {
  try {
    return await answer;
  } catch (cause) {
    if (signal.aborted) throw new Fault('cancelled', 'The question to the hub was withdrawn.', { cause });
    return otherwise;
  }
}
