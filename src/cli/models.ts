/** `flow models`, `flow ps`, `flow load`, `flow unload`. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT, print, wholeNumber } from './command.ts';
import { bytes, duration, ProgressBar, safe, table } from './terminal.ts';

/** The elements of a list in an answer that are objects. */
export function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

const text = (value: unknown): string => stringOrNull(value) ?? (typeof value === 'number' ? String(value) : '–');

/** `flow models`: everything registered. */
export const modelsCommand: Command = {
  name: 'models',
  usage: '',
  summary: 'List the registered models and what each is doing',
  examples: ['flow models', 'flow models --json'],
  positionals: [0, 0],
  async run(context) {
    const answer = await context.api.json('GET', '/api/models');
    const models = objects(answer.value);
    print(context, models, () =>
      models.length === 0
        ? 'No models yet. Fetch one: flow pull REPO. Or name one that is here: flow add PATH.\n'
        : table(
            ['MODEL', 'STATE', 'SIZE', 'NEEDS', 'CONTEXT', 'QUANT'],
            models.map((model) => [
              text(model.id),
              text(model.status),
              bytes(numberOrNull(model.size_bytes)),
              bytes(gigabytes(model.memory_gb)),
              text(model.context_length),
              text(model.quantization),
            ]),
            context.terminal.columns,
          ) + models.map(missing).join(''),
    );
    return EXIT.ok;
  },
};

/** Why a model's files are not there; nothing when they are. */
function missing({ id, missing: absence }: JsonObject): string {
  return isObject(absence) ? `${safe(text(id))}: ${safe(words(absence))}\n` : '';
}

function gigabytes(value: unknown): number | null {
  const size = numberOrNull(value);
  return size === null ? null : size * 1e9;
}

/** `flow ps`: what is in memory, or on its way there. */
export const psCommand: Command = {
  name: 'ps',
  usage: '',
  summary: 'Show what is loaded, loading and waiting',
  examples: ['flow ps', 'flow ps --json'],
  positionals: [0, 0],
  async run(context) {
    const fleet = await context.api.json('GET', '/api/fleet');
    const active = objects(fleet.models).filter((model) => isObject(model.state) && model.state.phase !== 'idle');
    const nowMs = numberOrNull(fleet.nowMs);
    print(context, fleet, () =>
      active.length === 0
        ? 'Nothing is loaded.\n'
        : table(
            ['MODEL', 'STATE', 'REQUESTS', 'WAITING', 'MEMORY', 'UNLOADS IN'],
            active.map((model) => [
              text(model.modelId),
              phase(model.state),
              text(model.inFlight),
              text(model.waiting),
              bytes(memory(model)),
              untilUnload(model, nowMs),
            ]),
            context.terminal.columns,
          ) + active.map(failure).join(''),
    );
    return EXIT.ok;
  },
};

function phase(state: unknown): string {
  if (!isObject(state)) return '–';
  const ratio = numberOrNull(state.ratio);
  return state.phase === 'starting' && ratio !== null
    ? `loading ${Math.round(ratio * 100)} %`
    : text(state.phase === 'starting' ? 'loading' : state.phase);
}

function failure({ modelId, state }: JsonObject): string {
  if (!isObject(state) || state.phase !== 'failed') return '';
  return `${safe(text(modelId))}: ${safe(words(state.report))}\n`;
}

/** What a report of a failed load says, and what may help. */
function words(report: unknown): string {
  const { message, hint } = isObject(report) ? report : { message: null, hint: null };
  return [message, hint].flatMap((part) => stringOrNull(part) ?? []).join('\n');
}

function memory(model: JsonObject): number | null {
  const measured = numberOrNull(model.measuredBytes);
  if (measured !== null) return measured;
  return isObject(model.reserved) ? numberOrNull(model.reserved.totalBytes) : null;
}

function untilUnload(model: JsonObject, nowMs: number | null): string {
  if (model.isPinned === true) return 'pinned';
  const atMs = numberOrNull(model.unloadAtMs);
  if (atMs === null || nowMs === null) return '–';
  return duration((atMs - nowMs) / 1000);
}

const LOAD_POLL_MS = 250;

/** `flow load`: waits until the model is ready, or says why it is not. */
export const loadCommand: Command = {
  name: 'load',
  usage: 'MODEL',
  summary: 'Load a model and wait until it is ready',
  examples: ['flow load flow-demo', 'flow load qwen3 --ctx 32768 --slots 4', 'flow load qwen3 --no-wait'],
  options: { ctx: { type: 'string' }, slots: { type: 'string' }, 'no-wait': { type: 'boolean' } },
  positionals: [1, 1],
  async run(context) {
    const [model = ''] = context.positionals;
    const contextTokens = wholeNumber(context, 'ctx');
    const slots = wholeNumber(context, 'slots');
    const id = await resolvedId(context, model);
    const path = `/api/models/${encodeURIComponent(id)}`;
    const answer = await context.api.json('POST', `${path}/load`, {
      ...(contextTokens === null ? {} : { ctx_size: contextTokens }),
      ...(slots === null ? {} : { n_parallel: slots }),
    });
    const isReady = answer.status === 'running';
    if (!isReady && context.flags['no-wait'] === true) {
      print(context, answer, () => `${safe(id)} loads.\n`);
      return EXIT.ok;
    }
    const code = isReady ? EXIT.ok : await waitUntilReady(context, id);
    if (code !== EXIT.ok) return code;
    print(context, await context.api.json('GET', path), () => `${safe(id)} is ready.\n`);
    return EXIT.ok;
  },
};

/** The id of the model that any name means, as the gateway understands it. Throws its Fault for an unknown one. */
export async function resolvedId({ api }: Pick<Context, 'api'>, name: string): Promise<string> {
  const model = await api.json('GET', `/v1/models/${encodeURIComponent(name)}`);
  // A variant is loaded by loading its model.
  return stringOrNull(model.variant_of) ?? stringOrNull(model.id) ?? name;
}

async function waitUntilReady({ api, terminal, signal }: Context, id: string): Promise<number> {
  const bar = new ProgressBar(terminal);
  let hasStarted = false;
  try {
    while (!signal.aborted) {
      const { models } = await api.json('GET', '/api/fleet');
      const model = objects(models).find(({ modelId }) => modelId === id);
      const state: JsonObject = isObject(model?.state) ? model.state : {};
      if (state.phase === 'ready') return EXIT.ok;
      if (state.phase === 'failed') throw new Fault('load-failed', words(state.report));
      const isStarting = state.phase === 'starting';
      if (hasStarted && !isStarting) throw new Fault('load-failed', `${id} was unloaded before it was ready.`);
      hasStarted ||= isStarting;
      const stage = text(isStarting ? state.stage : 'waiting for its turn').replaceAll('-', ' ');
      bar.show(`${id}: ${stage}`, isStarting ? numberOrNull(state.ratio) : null);
      await Bun.sleep(LOAD_POLL_MS);
    }
  } finally {
    bar.end();
  }
  terminal.say(`Flow goes on loading it; "flow unload ${safe(id)}" ends that.\n`);
  return EXIT.interrupted;
}

/** `flow unload`: answers at once; the end follows. */
export const unloadCommand: Command = {
  name: 'unload',
  usage: 'MODEL',
  summary: 'Unload a model; --force also cuts the requests it is answering',
  examples: ['flow unload flow-demo', 'flow unload qwen3 --force'],
  options: { force: { type: 'boolean' } },
  positionals: [1, 1],
  async run(context) {
    const id = await resolvedId(context, context.positionals[0] ?? '');
    const answer = await context.api.json('POST', `/api/models/${encodeURIComponent(id)}/unload`, {
      force: context.flags.force === true,
    });
    const isGone = answer.status === 'available' && answer.killed !== true;
    print(context, answer, () => `${safe(id)} ${isGone ? 'is not loaded' : 'unloads'}.\n`);
    return EXIT.ok;
  },
};
