/** What is learned by looking at an engine that Flow did not start, and how long to wait before the next look. */
import { Fault } from '#src/faults.ts';
import type { Endpoint, EngineKind, LaunchSettings, Model } from '#src/models/model.ts';
import type { ServedFacts } from '#src/models/registry.ts';
import { portOf } from './addresses.ts';
import { type Asked, ask } from './enquiry.ts';
import { listenerOn, type SeenProcess } from './listener-process.ts';
import { type Recognised, recognise, type ServedModel } from './recognise.ts';

/** While it is there. */
const LOOK_MS = 5_000;
const GONE_FIRST_MS = 1_000;
const GONE_MAX_MS = 30_000;
/** Many models at one place are not to be looked at in the same moment. */
const JITTER_RATIO = 0.2;
/** Conversations at the same time where the engine does not say: some queue by themselves, some batch. */
const SLOTS_UNKNOWN: Readonly<Record<EngineKind, number>> = {
  'llama.cpp': 1,
  'mlx-lm': 4,
  'mlx-openai-server': 4,
  'mlx-vlm': 4,
  openai: 8,
};
/** What tells whether it still serves the same model, in one answer. */
const LOOKED_AT: Readonly<Record<EngineKind, 'props' | 'health' | 'models'>> = {
  'llama.cpp': 'props',
  'mlx-lm': 'health',
  'mlx-openai-server': 'health',
  'mlx-vlm': 'health',
  openai: 'models',
};
const PATHS = { props: '/props', health: '/health', models: '/v1/models' } as const;

/** Until the next look; `random` is from 0 to 1. Pure. */
export function nextLookMs(goneLooks: number, random: number): number {
  const baseMs = goneLooks === 0 ? LOOK_MS : Math.min(GONE_FIRST_MS * 2 ** (goneLooks - 1), GONE_MAX_MS);
  return Math.round(baseMs * (1 - JITTER_RATIO + 2 * JITTER_RATIO * random));
}

/**
 * Looks whether it is still there and serves the same model; what it says of it, null when that is nothing. Throws a
 * Fault that says what is otherwise.
 */
export async function lookAgain(asked: Asked, endpoint: Endpoint): Promise<ServedModel | null> {
  const what = LOOKED_AT[endpoint.engine];
  const answer = await ask(asked, PATHS[what]);
  const answers = { health: null, props: null, models: null, lmStudio: null, [what]: answer };
  const recognised = recognise(asked.baseUrl, answers, asked.key !== '');
  // mlx-vlm loads what it is asked for, and is well while it has loaded nothing.
  if (recognised.engine === 'mlx-vlm' && endpoint.engine === 'mlx-vlm' && recognised.models.length === 0) return null;
  return served(recognised, endpoint);
}

/** The model of an endpoint among those that are served there. Throws Fault('conflict') when it is not. */
export function served({ engine, models }: Recognised, endpoint: Endpoint): ServedModel {
  const found = models.find(({ modelName }) => modelName === endpoint.modelName);
  if (found && engine === endpoint.engine) return found;
  const names = models.slice(0, 5).map(({ modelName }) => `"${modelName}"`);
  const now = names.length === 0 ? 'nothing' : names.join(', ');
  throw new Fault('conflict', `${endpoint.baseUrl} serves ${now} now, not "${endpoint.modelName}".`, {
    hint: 'Connect it anew under its new name.',
  });
}

/** Context and slots: what the engine says, else what was chosen for the model, else what is usual. Pure. */
export function roomOf(
  model: Model,
  { contextTokens, trainedContextTokens, slots }: ServedModel,
  launch: LaunchSettings,
): { readonly contextTokens: number; readonly slots: number } {
  const chosen = model.config.launch;
  const engine = model.endpoint?.engine ?? 'openai';
  const context = contextTokens ?? chosen.ctx_size ?? trainedContextTokens ?? launch.ctx_size;
  return {
    contextTokens: context > 0 ? context : launch.ctx_size,
    slots: slots ?? chosen.n_parallel ?? SLOTS_UNKNOWN[engine],
  };
}

/** The process behind a base URL, when it is one on this machine that Flow can name for sure. */
export async function processAt(baseUrl: string, address: string): Promise<SeenProcess | null> {
  // On 127.0.0.2 another one may listen than on the same port of 127.0.0.1.
  return address === '127.0.0.1' || address === '::1' ? listenerOn(portOf(baseUrl)) : null;
}

/** What the list says of a model whose engine has no file to read. Pure. */
export function factsOf({ sizeBytes, trainedContextTokens, contextTokens, capabilities }: ServedModel): ServedFacts {
  return { sizeBytes: sizeBytes ?? 0, trainedContextTokens: trainedContextTokens ?? contextTokens, capabilities };
}
