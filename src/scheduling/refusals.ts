/** The sentences with which the scheduler refuses: what happened, with numbers, and what may help. */
import type { CrashReport } from '#src/engines/engine.ts';
import type { FlowEvent } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { Footprint, ModelId } from '#src/models/model.ts';
import type { StopReason } from '#src/supervision/model-state.ts';
import type { Lack } from './occupant.ts';

/** Last lines of an engine that travel with a fault. */
const TAIL_LINES_MAX = 10;
/** A full queue of a working model moves within seconds. */
const QUEUE_FULL_RETRY_S = 5;
const QUEUE_TIMEOUT_RETRY_S = 10;
const SHUTTING_DOWN_RETRY_S = 10;

/** Nobody registered a model of that id. */
export function unknownModel(modelId: ModelId): Fault {
  return new Fault('model-not-found', `There is no model "${modelId}".`, {
    hint: 'Ask GET /v1/models for the names there are.',
  });
}

/** Just-in-time loading is off and nobody has loaded it. */
export function notLoaded(modelId: ModelId): Fault {
  return new Fault('model-not-loaded', `${modelId} is registered but not loaded, and just-in-time loading is off.`, {
    hint: 'Load it on the Models page, or switch just-in-time loading on in the settings.',
  });
}

/** The need cannot be met: more than the budget, or pinned models hold what it lacks. */
export function noMemory(
  modelId: ModelId,
  need: Footprint,
  available: {
    readonly lacks: Lack;
    readonly budgetBytes: number;
    readonly availableBytes: number;
    readonly pinned: readonly ModelId[];
  },
): Fault {
  if (available.lacks === 'mlx-process') return noMlxProcess(modelId, available.pinned);
  const { budgetBytes, availableBytes, pinned } = available;
  const isPinnedInTheWay = pinned.length > 0;
  const names = pinned.join(', ');
  const message = isPinnedInTheWay
    ? `${modelId} needs ${gigabytes(need.totalBytes)}; of the ${gigabytes(budgetBytes)} for models only ` +
      `${gigabytes(availableBytes)} can be freed, because ${names} ${pinned.length === 1 ? 'is' : 'are'} pinned.`
    : `${modelId} needs ${gigabytes(need.totalBytes)} (${partsOf(need)}); ` +
      `models may take ${gigabytes(budgetBytes)} in all.`;
  const hint = isPinnedInTheWay
    ? `Unpin ${names}, or load ${modelId} with a smaller context.`
    : 'Load it with a smaller context, fewer slots or a smaller KV cache type, choose a smaller quantization, ' +
      'or raise the memory limit.';
  const details = {
    needBytes: need.totalBytes,
    source: need.source,
    parts: need.parts,
    budgetBytes,
    availableBytes,
    pinned,
  };
  return new Fault('no-memory', message, { hint, details });
}

/** As many MLX servers run as may, and all of them are pinned. */
function noMlxProcess(modelId: ModelId, pinned: readonly ModelId[]): Fault {
  const names = pinned.join(', ');
  return new Fault('no-memory', `${modelId} cannot be loaded beside ${names}: no more MLX models run at a time.`, {
    hint: `Unpin ${names}, or raise mlx_processes_max in the settings.`,
    details: { pinned },
  });
}

/** What it needs cannot be told: its file is gone or cannot be used. The file's own fault, with the model's name. */
export function needUnknown(modelId: ModelId, fault: Fault): Fault {
  const hint = fault.hint ?? 'Put the file back, or remove the model from the list.';
  return new Fault(fault.kind, `${modelId} cannot be loaded: ${decapitalised(fault.message)}`, { hint, cause: fault });
}

/** Its engine ended while loading, or may not be started again yet. */
export function loadFailed(modelId: ModelId, report: CrashReport, retryAfterS: number | null): Fault {
  return new Fault('load-failed', report.message, {
    ...(report.hint === null ? {} : { hint: report.hint }),
    ...(retryAfterS === null ? {} : { retryAfterS }),
    details: { modelId, crash: report.kind, exitCode: report.exitCode, tail: report.tail.slice(-TAIL_LINES_MAX) },
  });
}

/** As many wait for the model as the settings allow. */
export function queueFull(modelId: ModelId, limit: number): Fault {
  return new Fault('queue-full', `${limit} requests wait for ${modelId} already; that is the limit.`, {
    hint: 'Try again in a moment, or raise queue_limit in the settings.',
    retryAfterS: QUEUE_FULL_RETRY_S,
    details: { limit },
  });
}

/** As many of one caller's requests wait, for whatever model, as the settings allow. */
export function callerQueueFull(limit: number): Fault {
  return new Fault('queue-full', `${limit} requests of this caller wait already; that is the limit for one.`, {
    hint: 'Ask for fewer at a time, or raise queue_limit_per_key in the settings.',
    retryAfterS: QUEUE_FULL_RETRY_S,
    details: { limit },
  });
}

/** The longest wait is over. */
export function queueTimeout(modelId: ModelId, waitedS: number): Fault {
  return new Fault('queue-timeout', `The request waited ${waitedS} s for ${modelId} without getting its turn.`, {
    hint: 'Try again, or raise queue_wait_seconds in the settings.',
    retryAfterS: QUEUE_TIMEOUT_RETRY_S,
  });
}

/** Somebody unloaded the model by force while requests waited for it. */
export function unloaded(modelId: ModelId): Fault {
  return new Fault('model-unloaded', `${modelId} was unloaded by a user before the request was answered.`);
}

/** The engine is being stopped under a request, for this reason. */
export function stopped(modelId: ModelId, reason: StopReason): Fault {
  if (reason === 'shutdown') return shuttingDown();
  if (reason !== 'unhealthy') return unloaded(modelId);
  return new Fault('engine-died', `The engine of ${modelId} no longer answered its health check and was stopped.`);
}

/** The engine ended under a request. */
export function engineDied(report: CrashReport): Fault {
  return new Fault('engine-died', report.message, {
    ...(report.hint === null ? {} : { hint: report.hint }),
    details: { crash: report.kind, exitCode: report.exitCode, tail: report.tail.slice(-TAIL_LINES_MAX) },
  });
}

/** The engine was stopped under a request. */
export function engineStopped(modelId: ModelId): Fault {
  return new Fault('engine-died', `The engine of ${modelId} was stopped before the answer was complete.`);
}

/** Flow stops. */
export function shuttingDown(): Fault {
  return new Fault('shutting-down', 'Flow is shutting down.', { retryAfterS: SHUTTING_DOWN_RETRY_S });
}

/** What is told when an idle model is started anew because it had grown. */
export function renewed(modelId: ModelId, growthBytes: number): FlowEvent {
  const text = `${modelId} held ${gigabytes(growthBytes)} more than after its load; it is started anew while idle.`;
  return { type: 'notice', tone: 'info', text };
}

/** Unloading would cut requests. */
export function stillBusy(modelId: ModelId, inFlight: number, waiting: number): Fault {
  const waits = waiting > 0 ? `, and ${counted(waiting)} ${waiting === 1 ? 'waits' : 'wait'} for it` : '';
  return new Fault('conflict', `${modelId} answers ${counted(inFlight)}${waits}; unloading it would cut them.`, {
    hint: 'Wait until they end, or unload it by force.',
    details: { inFlight, waiting },
  });
}

/** Its engine was started by somebody else, and Flow does not know which process that is. */
export function notOurs(modelId: ModelId, baseUrl: string): Fault {
  return new Fault('conflict', `Flow did not start the engine of ${modelId} at ${baseUrl} and cannot stop it.`, {
    hint: 'Stop it where it was started, or disconnect the model instead.',
  });
}

/** It runs as somebody else started it, and not as it was asked for. */
export function notOursToSet(modelId: ModelId): Fault {
  return new Fault('conflict', `Flow did not start the engine of ${modelId} and cannot give it other settings.`, {
    hint: 'Start it anew with them where it was started.',
  });
}

/** It runs, with other settings than those asked for. */
export function otherSettings(modelId: ModelId): Fault {
  return new Fault('conflict', `${modelId} is loaded with other settings; unload it first.`, {
    hint: `Unload ${modelId}, then load it with the new settings.`,
  });
}

/** Bytes as GB (10⁹), with one decimal. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

const decapitalised = (sentence: string): string => sentence.charAt(0).toLowerCase() + sentence.slice(1);

function counted(requests: number): string {
  return requests === 1 ? '1 request' : `${requests} requests`;
}

function partsOf({ parts }: Footprint): string {
  const named: readonly (readonly [string, number])[] = [
    ['weights', parts.weightsBytes],
    ['context', parts.kvCacheBytes],
    ['compute', parts.computeBytes],
    ["the engine's cache", parts.engineCacheBytes],
  ];
  return named
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${name} ${gigabytes(bytes)}`)
    .join(', ');
}
