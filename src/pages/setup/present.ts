/** From the state of things to the three steps of the guide. Pure: the same state shows the same steps. */
import type { FoundModel, Place } from '#src/discovery/found-model.ts';
import type { DownloadView } from '#src/downloads/held.ts';
import type { Model } from '#src/models/model.ts';
import type { RequestView } from '#src/requests/request.ts';
import { elapsedText, rateText } from '#views/parts/quantity.tsx';
import type { EngineKindData } from '#views/settings/engines.tsx';
import type { AgentData, ConnectStepData } from '#views/setup/connect-step.tsx';
import type { EngineStepData } from '#views/setup/engine-step.tsx';
import type { LocalModelsData, ModelStepData, PickData } from '#views/setup/model-step.tsx';
import type { PickKind } from './candidates.ts';
import type { FirstAnswer, Milestones } from './first-run.ts';
import type { ModelPick } from './picks.ts';

const ORIGINS: Readonly<Record<string, string>> = {
  installed: 'installed by Flow',
  homebrew: 'from Homebrew',
  path: 'found on the PATH',
  environment: 'named by the environment',
};
const PICK_TITLES: Readonly<Record<PickKind, string>> = {
  small: 'Small and fast',
  best: 'The best that fits',
  coder: 'For writing programs',
};
const PLACE_WORDS: Readonly<Record<Place, string>> = {
  huggingface: 'in the Hugging Face cache',
  'llama.cpp': "in llama.cpp's cache",
  'lm-studio': 'in LM Studio',
  ollama: 'in Ollama',
};
const UNDER_WAY: ReadonlySet<string> = new Set(['queued', 'running', 'verifying', 'registering']);

type EngineSeen = Pick<EngineKindData, 'isSeen' | 'engines' | 'broken' | 'work' | 'fixedBy'>;

/** The first step. `backends` is what the engine in use computes with. */
export function engineStep(
  { isSeen, engines, broken, work, fixedBy }: EngineSeen,
  backends: readonly string[],
  { engineMs }: Pick<Milestones, 'engineMs'>,
  platform: NodeJS.Platform,
): EngineStepData {
  const chosen = engines.find(({ isChosen }) => isChosen) ?? null;
  const isInstalling = work !== null && work.kind !== 'failed';
  const common = {
    broken: broken.map(({ id, reason }) => ({ name: id.replace(/^path:/, ''), reason })),
    fixedBy,
    commands: commandsFor(platform),
    work: isInstalling ? { message: work.message, ratio: work.ratio } : null,
    failure: work?.kind === 'failed' && chosen === null ? work.message : null,
  };
  if (chosen !== null) {
    const version = `llama-server ${chosen.version ?? ''}`.trim();
    const computes = backends.length === 0 ? [] : [backends.join(', ')];
    const facts = [version, ...computes, ORIGINS[chosen.origin] ?? chosen.origin];
    return { ...common, state: 'done', word: 'ready', tookMs: engineMs, facts, executable: chosen.executable };
  }
  const open = { ...common, tookMs: null, facts: [], executable: null };
  if (isInstalling) return { ...open, state: 'working', word: 'being installed' };
  if (!isSeen) return { ...open, state: 'working', word: 'looking for one' };
  const isFailed = common.failure !== null || broken.length > 0;
  return { ...open, state: isFailed ? 'failed' : 'open', word: isFailed ? 'none that works' : 'none yet' };
}

function commandsFor(platform: NodeJS.Platform): EngineStepData['commands'] {
  return [
    ...(platform === 'darwin' ? [{ title: 'By Homebrew', text: 'brew install llama.cpp' }] : []),
    { title: 'In a terminal, by Flow', text: 'flow engines install llama.cpp' },
    { title: 'Start Flow with one of your own', text: 'FLOW_LLAMA_SERVER=/path/to/llama-server flow' },
  ];
}

/** Models that an agent can be pointed at. */
export function answering(models: readonly Model[]): readonly Model[] {
  return models.filter(({ isDemo, capabilities }) => !isDemo && !capabilities.embedding);
}

/** The model that agents are told of: the default, else the one that came last, else the demo. */
export function modelToConnect(models: readonly Model[], defaultId: string): string | null {
  const chosen = models.find(({ id }) => id === defaultId);
  const [newest] = answering(models).toSorted((one, other) => other.createdAtMs - one.createdAtMs);
  return (chosen ?? newest ?? models.find(({ isDemo }) => isDemo))?.id ?? null;
}

type ModelKnown = Pick<ModelStepData, 'downloads' | 'picks' | 'local' | 'demo' | 'budgetBytes'> & {
  readonly models: readonly Model[];
  readonly milestones: Pick<Milestones, 'model' | 'isDemoChosen' | 'answer'>;
};

/** The second step. */
export function modelStep({ models, milestones, ...shown }: ModelKnown): ModelStepData {
  const names = answering(models).map(({ name }) => name);
  const isComing = shown.downloads.some(({ phase }) => UNDER_WAY.has(phase));
  const tookMs = milestones.model?.tookMs ?? null;
  const common = { ...shown, models: names };
  if (names.length > 0) {
    return { ...common, state: 'done', word: names.length === 1 ? '1 model' : `${names.length} models`, tookMs };
  }
  if (isComing) return { ...common, state: 'working', word: 'on its way', tookMs: null };
  if (milestones.isDemoChosen) return { ...common, state: 'done', word: 'the demo', tookMs };
  const isFailed = shown.downloads.some(({ phase }) => phase === 'failed');
  return {
    ...common,
    state: isFailed ? 'failed' : 'open',
    word: isFailed ? 'a download failed' : 'choose one',
    tookMs: null,
  };
}

/** A pick as the card shows it. */
export function pickData(
  { kind, ...pick }: ModelPick,
  models: readonly Pick<Model, 'hfId'>[],
  downloads: readonly DownloadView[],
  bytesPerS: number | null,
): PickData {
  const isHere = models.some(({ hfId }) => hfId === pick.repository);
  const isComing = downloads.some(({ record }) => record.repository === pick.repository && UNDER_WAY.has(record.state));
  return {
    ...pick,
    title: PICK_TITLES[kind],
    takesS: bytesPerS === null || bytesPerS <= 0 ? null : pick.sizeBytes / bytesPerS,
    standing: isHere ? 'here' : isComing ? 'coming' : 'offered',
  };
}

/** How fast things come: of the download under way, of the engine's, of the last one; null when nothing tells. */
export function lineSpeed(downloads: readonly DownloadView[], lineBytesPerS: number | null): number | null {
  const running = downloads.find(({ bytesPerS }) => bytesPerS !== null)?.bytesPerS ?? null;
  const [last] = downloads
    .filter(({ record }) => record.state === 'complete')
    .toSorted((one, other) => (other.record.endedAtMs ?? 0) - (one.record.endedAtMs ?? 0));
  const tookS = last ? ((last.record.endedAtMs ?? 0) - last.record.createdAtMs) / 1000 : 0;
  return running ?? lineBytesPerS ?? (last && tookS > 0 ? last.totalBytes / tookS : null);
}

/** What other programs have, in sums. */
export function localModels(found: readonly FoundModel[]): LocalModelsData {
  const counts = new Map<Place, number>();
  for (const { place } of found) counts.set(place, (counts.get(place) ?? 0) + 1);
  return {
    count: found.length,
    sizeBytes: found.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    places: [...counts].map(([place, count]) => `${count} ${PLACE_WORDS[place]}`),
  };
}

type ConnectKnown = {
  readonly modelId: string | null;
  readonly agents: readonly AgentData[];
  readonly milestones: Pick<Milestones, 'answer'>;
  readonly latest: RequestView | null;
};

/** The third step. */
export function connectStep({ modelId, agents, milestones: { answer }, latest }: ConnectKnown): ConnectStepData {
  const rank = ({ isConnected, isInstalled }: AgentData): number => (isConnected ? 0 : isInstalled ? 1 : 2);
  const sorted = agents.toSorted((one, other) => rank(one) - rank(other));
  const common = { modelId, agents: sorted };
  if (answer !== null) {
    const more = latest === null ? '' : ` ${requestWords(latest)}`;
    const says = `${answerWords(answer)}${more}`;
    return { ...common, state: 'done', word: 'it answers', tookMs: answer.tookMs, says };
  }
  if (latest !== null) {
    const isFailed = latest.stage === 'failed';
    const word = isFailed ? 'no answer yet' : 'a request is here';
    return { ...common, state: isFailed ? 'failed' : 'working', word, tookMs: null, says: requestWords(latest) };
  }
  if (modelId === null) return { ...common, state: 'open', word: 'after a model', tookMs: null, says: '' };
  const says = 'Waiting for the first request…';
  return { ...common, state: 'working', word: 'waiting', tookMs: null, says };
}

function answerWords({ modelId, client, tokensPerS, tookMs }: FirstAnswer): string {
  const speed = tokensPerS === null ? '' : `, ${rateText(tokensPerS)}`;
  return `First answer: ${modelId} to ${client ?? 'a client'}, after ${elapsedText(tookMs)}${speed}.`;
}

function requestWords({ client, route, modelId, wantedModel, stage, error, tokensPerS }: RequestView): string {
  const who = client ?? route;
  const model = modelId ?? wantedModel ?? 'no model';
  switch (stage) {
    case 'queued':
      return `A request of ${who} waits for ${model}.`;
    case 'loading':
      return `A request of ${who} waits until ${model} is loaded.`;
    case 'prefilling':
      return `${model} reads the request of ${who}.`;
    case 'generating':
    case 'sending':
      return `${model} answers ${who}.`;
    case 'completed':
      return `Last: ${model} to ${who}${tokensPerS === null ? '' : `, ${rateText(tokensPerS)}`}.`;
    case 'failed':
      return `A request of ${who} came and was not answered: ${error?.message ?? 'nobody said why.'}`;
    case 'cancelled':
      return `A request of ${who} was cancelled before it was answered.`;
  }
}

/** What the way from nothing to an answer took: `Engine 12 s · model 41 s · first answer 3.1 s`. */
export function timesText({ engineMs, model, answer }: Milestones): string {
  const parts = [
    ...(engineMs === null ? [] : [`engine ${elapsedText(engineMs)}`]),
    ...(model === null ? [] : [`model ${elapsedText(model.tookMs)}`]),
    ...(answer === null ? [] : [`first answer ${elapsedText(answer.tookMs)}`]),
  ];
  const text = parts.join(' · ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
