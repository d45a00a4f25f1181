/** `flow models`, `flow ps`, `flow load`, `flow unload`. */
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type Command, EXIT, print } from './command.ts';
import { bytes, duration, ProgressBar, table } from './terminal.ts';

/** The elements of a list in an answer that are objects. */
export function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

const text = (value: unknown): string => stringOrNull(value) ?? (typeof value === 'number' ? String(value) : '–');

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
        ? 'No models yet. Put a GGUF file into the models folder and scan, or register one by its path.\n'
        : table(
            ['MODEL', 'STATE', 'SIZE', 'QUANT', 'FORMAT'],
            models.map((model) => [
              text(model.id),
              text(model.status),
              bytes(gigabytes(model.size_gb)),
              text(model.quantization),
              text(model.backend),
            ]),
          ),
    );
    return EXIT.ok;
  },
};

function gigabytes(value: unknown): number | null {
  const size = numberOrNull(value);
  return size === null ? null : size * 1e9;
}

export const psCommand: Command = {
  name: 'ps',
  usage: '',
  summary: 'Show what is loaded, loading and waiting',
  examples: ['flow ps', 'flow ps --json'],
  positionals: [0, 0],
  async run(context) {
    const fleet = await context.api.json('GET', '/api/fleet');
    const active = objects(fleet.models).filter((model) => isObject(model.state) && model.state.phase !== 'idle');
    const nowMs = numberOrNull(fleet.now_ms) ?? numberOrNull(fleet.nowMs);
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
          ),
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

export const loadCommand: Command = {
  name: 'load',
  usage: 'MODEL',
  summary: 'Load a model and wait until it is ready',
  examples: ['flow load flow-demo', 'flow load qwen3 --ctx 32768 --slots 4'],
  options: { ctx: { type: 'string' }, slots: { type: 'string' }, 'no-wait': { type: 'boolean' } },
  positionals: [1, 1],
  async run(context) {
    const [model = ''] = context.positionals;
    const overrides: Record<string, number> = {};
    if (typeof context.flags.ctx === 'string') overrides.ctx_size = Number(context.flags.ctx);
    if (typeof context.flags.slots === 'string') overrides.n_parallel = Number(context.flags.slots);
    const id = await resolvedId(context, model);
    const path = `/api/models/${encodeURIComponent(id)}`;
    const answer = await context.api.json('POST', `${path}/load`, overrides);
    if (context.flags['no-wait'] !== true && answer.status !== 'running') {
      const code = await waitUntilReady(context, id);
      if (code !== EXIT.ok) return code;
    }
    print(context, await context.api.json('GET', path), () => `${id} is ready.\n`);
    return EXIT.ok;
  },
};

/** Any name a request may use, as the gateway resolves it. */
async function resolvedId(context: Parameters<Command['run']>[0], name: string): Promise<string> {
  const model = await context.api.json('GET', `/v1/models/${encodeURIComponent(name)}`);
  return stringOrNull(model.id) ?? name;
}

async function waitUntilReady(context: Parameters<Command['run']>[0], id: string): Promise<number> {
  const bar = new ProgressBar(context.terminal);
  try {
    while (!context.signal.aborted) {
      const fleet = await context.api.json('GET', '/api/fleet');
      const model = objects(fleet.models).find((one) => one.modelId === id);
      const state = isObject(model?.state) ? model.state : null;
      if (state?.phase === 'ready') return EXIT.ok;
      if (state?.phase === 'failed') {
        const report = isObject(state.report) ? state.report : {};
        context.terminal.say(`\n${text(report.message)}\n${report.hint ? `${text(report.hint)}\n` : ''}`);
        return EXIT.load;
      }
      bar.show(`${id}: ${state ? text(state.stage ?? state.phase) : 'waiting'}`, numberOrNull(state?.ratio));
      await Bun.sleep(LOAD_POLL_MS);
    }
    return EXIT.interrupted;
  } finally {
    bar.end();
  }
}

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
    print(context, answer, () => `${id} unloads.\n`);
    return EXIT.ok;
  },
};
