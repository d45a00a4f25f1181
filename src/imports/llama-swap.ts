/** Reads llama-swap's `config.yaml`. Pure: the file's text, its folder and what is on the disk come in. */
import { basename } from 'node:path';
import type { FoundModel } from '#src/discovery/found-model.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { Behaviour } from '#src/models/behaviour.ts';
import type { Variant } from '#src/models/model.ts';
import { commandWords } from './command-words.ts';
import { readEngineArguments, templateBehaviour } from './engine-arguments.ts';
import { downloadedFolder, downloadedPath, repositoryOf } from './hub-files.ts';
import { expand, expandValue, type MacroSources, macrosOf } from './macros.ts';
import { type MlxCommand, mlxCommand, readMlxArguments } from './mlx-arguments.ts';
import { type ImportPlan, mergeSameFiles, type NotTaken, type PlannedModel, plannedModel } from './plan.ts';

export type LlamaSwapSurroundings = {
  /** Where the file lies: relative paths start there. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What was downloaded before, for commands that name a repository. */
  readonly found: readonly FoundModel[];
};

const MODELS_MAX = 1_000;
const ENGINE = /^llama-server[\w.-]*$/i;
/** Programs that only start another one. */
const STARTERS = /^(?:env|nice|ionice|nohup|exec|taskset|numactl|stdbuf|caffeinate|time)$/;
/** They start what is written in Python. */
const PYTHON_STARTERS = /^(?:python[\d.]*|uv|uvx|pipx)$/;
/** What a request's parameter cannot be in llama-swap either. */
const PROTECTED = new Set(['model', 'messages', 'stream']);
/** Parts of a model's entry that have no counterpart, with the reason. */
const WITHOUT_COUNTERPART: Readonly<Record<string, string>> = {
  env: 'Engines under Flow get no variables of their own; choose devices by engine arguments.',
  concurrencyLimit: 'Flow queues what is beyond the slots of a model (n_parallel, queue_limit).',
  cmdStop: 'Flow ends its engines itself.',
  checkEndpoint: 'Flow knows how its engines tell that they are ready.',
  unlisted: 'Flow lists every model.',
};

/** The plan that the text stands for. Throws Fault('unprocessable') when it is no such file. */
export function readLlamaSwap(text: string, surroundings: LlamaSwapSurroundings): ImportPlan {
  const config = parsed(text);
  const notTaken: NotTaken[] = [];
  const macros = macrosOf(config.macros);
  const entries = isObject(config.models) ? Object.entries(config.models) : [];
  if (entries.length === 0)
    throw new Fault('unprocessable', 'It has no `models`, so it is no llama-swap configuration.');
  const pinned = pinnedMembers(config, notTaken);
  const globalTtl = numberOrNull(config.globalTTL) ?? null;
  const models: PlannedModel[] = [];
  for (const [id, entry] of entries.slice(0, MODELS_MAX)) {
    try {
      const own = new Map([...macros, ...macrosOf(isObject(entry) ? entry.macros : null)]);
      for (const name of ['PORT', 'PID']) own.set(name, 0);
      own.set('MODEL_ID', id);
      const sources: MacroSources = { macros: own, environment: surroundings.environment };
      const read = readModel(id, isObject(entry) ? entry : {}, sources, surroundings);
      models.push(withIdleness(read.model, isObject(entry) ? entry : {}, globalTtl, pinned.has(id)));
      notTaken.push(...read.notTaken.map(({ what, why }) => ({ what: `${id}: ${what}`, why })));
    } catch (cause) {
      notTaken.push({ what: id, why: asFault(cause).message });
    }
  }
  if (entries.length > MODELS_MAX) notTaken.push({ what: 'models', why: `Only the first ${MODELS_MAX} were read.` });
  notTaken.push(...wholeFileNotes(config));
  return mergeSameFiles({ models, settings: {}, presets: [], notTaken });
}

function parsed(text: string): JsonObject {
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch (cause) {
    // A syntax error, aliases without end, or brackets deeper than any stack.
    throw new Fault('unprocessable', 'It is not YAML that can be read.', { cause });
  }
  if (isObject(value)) return value;
  throw new Fault('unprocessable', 'It holds no mapping, so it is no llama-swap configuration.');
}

type Read = { readonly model: PlannedModel; readonly notTaken: readonly NotTaken[] };

function readModel(
  id: string,
  entry: JsonObject,
  sources: MacroSources,
  { folder, found }: LlamaSwapSurroundings,
): Read {
  const command = stringOrNull(entry.cmd);
  if (command === null) throw new Fault('unprocessable', 'It has no command, so it runs elsewhere.');
  const { mlx, words } = engineCommand(commandWords(expand(withoutComments(command), sources)));
  const read = mlx ? readMlxArguments(mlx, folder) : readEngineArguments(words, folder);
  const hub = read.hubModel;
  const downloaded = (repository: string): string | null =>
    mlx ? downloadedFolder(repository, found) : downloadedPath(repository, read.hubFile, found);
  const path = read.modelPath ?? (hub === null ? null : downloaded(hub));
  if (path === null) {
    const why = hub === null ? 'Its command names no model.' : `${repositoryOf(hub)} is not on this machine yet.`;
    throw new Fault('unprocessable', why);
  }
  const filters = filtersOf(expandValue(entry.filters ?? {}, sources), id);
  const behaviour: Behaviour = { ...read.behaviour, ...filters.behaviour };
  const variantNames = new Set(filters.variants.map(({ name }) => name.toLowerCase()));
  const aliases = texts(expandValue(entry.aliases ?? [], sources)).filter(
    (name) => !variantNames.has(name.toLowerCase()),
  );
  const left = Object.entries(WITHOUT_COUNTERPART).flatMap(([what, why]) =>
    isSaid(entry[what]) ? [{ what, why }] : [],
  );
  return {
    model: plannedModel(id, path, {
      hfId: hub === null ? null : repositoryOf(hub),
      aliases,
      launch: read.launch,
      extraArguments: read.extraArguments,
      cooldownS: read.cooldownS,
      behaviour,
      variants: filters.variants,
    }),
    notTaken: [...read.notTaken, ...filters.notTaken, ...left],
  };
}

/** A line that begins with `#` is a comment, whatever was begun before it. */
function withoutComments(command: string): string {
  return command
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n');
}

/** The words after the engine's name; `mlx` null = it is llama-server. */
type EngineCommand = { readonly mlx: MlxCommand | null; readonly words: readonly string[] };

/** What a command starts. Throws Fault('unprocessable') when that is something else than an engine of Flow's. */
function engineCommand(words: readonly string[]): EngineCommand {
  const program = basename(words[0] ?? '');
  const isStarter = STARTERS.test(program);
  const at = words.findIndex((word) => ENGINE.test(basename(word)));
  if (at === 0 || (at > 0 && isStarter)) return { mlx: null, words: words.slice(at + 1) };
  if (/^(?:docker|podman|nerdctl)$/.test(program)) {
    throw new Fault('unprocessable', 'It runs in a container; Flow starts its engines itself.');
  }
  const mlx = mlxCommand(words);
  if (mlx && (mlx.at === 0 || isStarter || PYTHON_STARTERS.test(program))) return { mlx, words: mlx.words };
  throw new Fault('unprocessable', 'Its command does not start llama-server or an MLX server.');
}

type Filters = {
  readonly behaviour: Behaviour;
  readonly variants: readonly Variant[];
  readonly notTaken: readonly NotTaken[];
};

function filtersOf(value: unknown, id: string): Filters {
  const filters = isObject(value) ? value : {};
  const notTaken: NotTaken[] = [];
  const stripped = textList(filters.stripParams ?? filters.strip_params).filter((name) => !PROTECTED.has(name));
  const set = enforced(filters.setParams ?? filters.set_params, notTaken);
  const byId = isObject(filters.setParamsByID) ? Object.entries(filters.setParamsByID) : [];
  const own = byId.filter(([name]) => name === id).map(([, params]) => enforced(params, notTaken));
  const behaviour = [...own].reduce(laidOver, set);
  return {
    behaviour: { ...behaviour, ...(stripped.length > 0 ? { stripped } : {}) },
    variants: byId
      .filter(([name]) => name !== id)
      .map(([name, params]) => ({ name, behaviour: enforced(params, notTaken) })),
    notTaken,
  };
}

/** Parameters that win over the caller. */
function enforced(value: unknown, notTaken: NotTaken[]): Behaviour {
  if (!isObject(value)) return {};
  const forced: Record<string, unknown> = {};
  let template: Behaviour = {};
  for (const [name, held] of Object.entries(value)) {
    if (PROTECTED.has(name))
      notTaken.push({ what: `setParams.${name}`, why: 'This parameter is always the caller’s.' });
    else if (name === 'chat_template_kwargs' && isObject(held)) template = templateBehaviour(held);
    else forced[name] = held;
  }
  const { enable_thinking } = template;
  if (enable_thinking !== undefined) forced.enable_thinking = enable_thinking;
  return { ...template, ...(Object.keys(forced).length > 0 ? { forced } : {}) };
}

function laidOver(under: Behaviour, over: Behaviour): Behaviour {
  return { ...under, ...over, forced: { ...under.forced, ...over.forced } };
}

/** A time to live of -1, or none, is the file's; none there either leaves it to Flow. */
function withIdleness(
  model: PlannedModel,
  entry: JsonObject,
  globalTtl: number | null,
  isPinned: boolean,
): PlannedModel {
  const ttl = numberOrNull(entry.ttl);
  const own = ttl === null || ttl < 0 ? globalTtl : ttl;
  const cooldownS = own !== null && own >= 0 ? Math.min(31_536_000, Math.floor(own)) : model.cooldownS;
  return { ...model, cooldownS, isPinned };
}

/** Members of groups that no other group may unload. */
function pinnedMembers(config: JsonObject, notTaken: NotTaken[]): ReadonlySet<string> {
  const router = isObject(config.routing) && isObject(config.routing.router) ? config.routing.router : {};
  const settings = isObject(router.settings) ? router.settings : {};
  const groups = { ...objectOr(config.groups), ...objectOr(settings.groups) };
  const pinned = new Set<string>();
  for (const [name, group] of Object.entries(groups)) {
    if (!isObject(group)) continue;
    if (group.persistent === true) for (const member of texts(group.members)) pinned.add(member);
    else notTaken.push({ what: `group ${name}`, why: 'Flow decides by memory which models stay loaded together.' });
  }
  if (isSaid(settings.matrix) || isSaid(config.matrix)) {
    notTaken.push({ what: 'matrix', why: 'Flow decides by memory which models stay loaded together.' });
  }
  return pinned;
}

function wholeFileNotes(config: JsonObject): NotTaken[] {
  const reasons: Readonly<Record<string, string>> = {
    peers: 'Flow does not pass requests on to other servers yet.',
    apiKeys: 'Keys are not copied; set FLOW_API_KEY.',
    hooks: 'Flow loads a model when it is asked for.',
    profiles: 'Flow has no profiles; give models aliases instead.',
    selectors: 'Flow has no virtual models; give models aliases instead.',
  };
  return Object.entries(reasons).flatMap(([what, why]) => (isSaid(config[what]) ? [{ what, why }] : []));
}

function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isObject(value) || Object.keys(value).length > 0;
}

function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** A list, or one text divided by commas. */
function textList(value: unknown): string[] {
  const items = typeof value === 'string' ? value.split(',') : texts(value);
  return [...new Set(items.flatMap((item) => item.trim() || []))].slice(0, 100);
}
