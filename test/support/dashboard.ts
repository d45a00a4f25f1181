/** The dashboard over made-up models and requests: the real guard, pages, bus and live connection, no engine. */
import { type AnyElysia, Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { Feeds } from '#src/live/feed.ts';
import { keepLive, type LiveTopic } from '#src/live/keep-live.ts';
import { liveRoutes, SHELL_TOPIC } from '#src/live/routes.ts';
import { EMPTY_CONFIG, type Model } from '#src/models/model.ts';
import { keepPace } from '#src/pages/monitor/keep-pace.ts';
import { Monitor } from '#src/pages/monitor/monitor.tsx';
import { Pace } from '#src/pages/monitor/pace.ts';
import { monitorPages } from '#src/pages/monitor/pages.tsx';
import { commandsFor } from '#src/pages/shell/commands.ts';
import { shellPages } from '#src/pages/shell/pages.tsx';
import { StatusBar } from '#src/pages/shell/status-bar.tsx';
import type { ModelUsage } from '#src/requests/model-usage.ts';
import type { RequestView } from '#src/requests/request.ts';
import type { FleetModel, FleetSnapshot, Lender } from '#src/scheduling/lease.ts';
import { Credentials } from '#src/web/credentials.ts';
import { errorHandling, refuser } from '#src/web/errors.tsx';
import { guard } from '#src/web/guard.ts';
import { type Listener, listen } from '#src/web/listen.ts';
import { loginPages } from '#src/web/login.tsx';
import { publicFiles } from '#src/web/public-files.ts';
import { type Shell, shell } from '#src/web/shell.tsx';
import { loadVendor, vendorRoutes } from '#src/web/vendor.ts';
import type { GpuData } from '#views/monitor/figures.tsx';
import type { ErrorsData } from '#views/nav.tsx';
import { idleModel } from './fleet-snapshots.ts';
import { sampleSettings } from './sample-settings.ts';
import { llamaSpeech } from './speech.ts';

const GB = 1e9;
const PAST_S = 300;
/** The one that runs with other settings than it would be started with now. */
export const OUTDATED_MODEL = 'org/mistral-9B';

/** What the dashboard shows; tests change it and publish what changed. */
export type Scene = {
  models: Model[];
  fleet: FleetModel[];
  requests: RequestView[];
  /** What the graphics processors say; absent = there is none that says anything. */
  gpu?: GpuData;
  /** What was measured with models, by id; absent = nothing was. */
  usages?: ReadonlyMap<string, ModelUsage>;
};

export type Dashboard = {
  readonly scene: Scene;
  readonly bus: Bus;
  readonly feeds: Feeds;
  readonly listener: Listener;
  /** What actions asked for, in order: `load gemma`, `unload gemma`, … */
  readonly asked: string[];
  stop(): Promise<void>;
};

/** What a test's own page is made from. */
export type Ground = { readonly shell: Shell; readonly bus: Bus; readonly lender: Pick<Lender, 'snapshot'> };
export type MorePages = {
  readonly topics: readonly (readonly [string, LiveTopic])[];
  readonly routes: AnyElysia;
  /** How many lines of the logs were errors; absent = none. */
  readonly errors?: () => ErrorsData;
};
export type DashboardOptions = {
  readonly port?: number;
  readonly apiKey?: string | null;
  readonly version?: string;
  /** Pages beside the Monitor. */
  readonly more?: (ground: Ground) => MorePages;
};

const NOTHING_MORE: MorePages = { topics: [], routes: new Elysia() };
const NO_ERRORS: ErrorsData = { sinceMs: 0, count: 0 };

export async function openDashboard(
  scene: Scene = emptyScene(),
  { port = 0, apiKey = null, version = '0.1.0', more = () => NOTHING_MORE }: DashboardOptions = {},
): Promise<Dashboard> {
  const clock = systemClock;
  const bus = new Bus();
  const asked: string[] = [];
  const tracker = {
    list: () => scene.requests,
    find: (id: string) => scene.requests.find((view) => view.id === id) ?? null,
    cancel: (id: string) => asked.push(`cancel ${id}`) > 0,
    get openCount() {
      return scene.requests.filter(({ endedAtMs }) => endedAtMs === null).length;
    },
    get tokensPerS() {
      const speeds = scene.requests.map(({ stage, tokensPerS }) => (stage === 'generating' ? (tokensPerS ?? 0) : 0));
      return speeds.reduce((sum, speed) => sum + speed, 0);
    },
  };
  const lender = {
    snapshot: () => snapshotOf(scene),
    model: (id: string) => scene.fleet.find(({ modelId }) => modelId === id) ?? idleModel(id),
    load: (id: string) => void asked.push(`load ${id}`),
    unload: (id: string, { force }: { force: boolean }) => {
      const busy = scene.fleet.find(({ modelId }) => modelId === id)?.inFlight ?? 0;
      if (busy > 0 && !force) throw new Fault('conflict', `${busy} requests of ${id} would be cut.`);
      asked.push(`unload ${id}${force ? ' by force' : ''}`);
    },
  };
  const memory = () => ({ totalBytes: 48 * GB, freeBytes: 3.6 * GB, availableBytes: 8.6 * GB });
  const pace = new Pace(clock.monotonicMs() - PAST_S * 1000);
  livePast(pace, scene);
  const monitor = new Monitor(
    {
      models: () => scene.models,
      ...{ lender, tracker, memory, clock },
      gpu: () => scene.gpu ?? null,
      usages: () => scene.usages ?? new Map(),
      slotsOf: () => 2,
      isOutdated: ({ id }) => id === OUTDATED_MODEL,
    },
    pace,
  );
  const log = (cause: unknown) => process.stderr.write(`${String(cause)}\n`);
  const vendor = await loadVendor();
  const frame = shell({ vendor: vendor.urls, version });
  const others = more({ shell: frame, bus, lender });
  const topics = new Map<string, LiveTopic>([
    ...others.topics,
    [
      SHELL_TOPIC,
      new StatusBar({ lender, tracker, downloads: () => [], errors: others.errors ?? (() => NO_ERRORS), clock }),
    ],
    ['monitor', monitor],
  ]);
  const feeds = new Feeds({ topics, clock, version, log });
  const live = keepLive({ bus, feeds, topics, clock });
  const pulse = keepPace({ monitor, feeds, topic: 'monitor', clock });
  const errors = refuser({ voiceFor: () => null, shell: frame, log: ({ cause }) => log(cause) });
  const credentials = new Credentials({ apiKey, clock });
  const findModel = (id: string) => scene.models.find((model) => model.id === id) ?? null;
  const pin = (id: string, isPinned: boolean) => void asked.push(`${isPinned ? 'pin' : 'unpin'} ${id}`);
  const app = new Elysia()
    .use(errorHandling(errors))
    .use(vendorRoutes({ vendor }))
    .use(await publicFiles())
    .use(loginPages({ credentials, shell: frame }))
    .get('/health', () => ({ status: 'ok' }), access('public'))
    .use(liveRoutes({ feeds, keyOf: () => null }))
    .use(others.routes)
    .use(shellPages({ shell: frame, commands: () => commandsFor(scene.models, scene.fleet) }))
    .use(monitorPages({ monitor, shell: frame, lender, tracker, findModel, isFresh: () => true, pin }));
  const settings = sampleSettings();
  const guarded = guard({
    app,
    settings: () => settings,
    credentials,
    refuser: errors,
    host: settings.host,
    interfaceAddresses: () => [],
    port,
  });
  const listener = await listen(guarded, { host: '127.0.0.1', port });
  const stop = async () => {
    live[Symbol.dispose]();
    pulse[Symbol.dispose]();
    feeds.close();
    await listener.stop(true);
  };
  return { scene, bus, feeds, listener, asked, stop };
}

export const emptyScene = (): Scene => ({ models: [], fleet: [], requests: [] });

function snapshotOf({ fleet, requests }: Scene): FleetSnapshot {
  const reservedBytes = fleet.reduce((sum, { reserved }) => sum + (reserved?.totalBytes ?? 0), 0);
  const queue = requests.flatMap(({ id, modelId, wait, stageSinceAtMs }) => {
    const sinceMs = performance.now() - (Date.now() - stageSinceAtMs);
    return wait === null || modelId === null ? [] : [{ requestId: id, modelId, sinceMs, wait }];
  });
  return {
    models: fleet,
    memory: { budgetBytes: 40 * GB, reservedBytes, byModel: [] },
    queue,
    swaps: 2,
    contention: null,
  };
}

/** Requests that write have done so for a while when the page is opened, unevenly, as they do. */
function livePast(pace: Pace, { requests }: Scene): void {
  const [wallMs, monotonicMs] = [Date.now(), performance.now()];
  for (let ago = PAST_S; ago >= 0; ago -= 1) {
    const views = requests.map((view) => {
      const sinceEnd = view.endedAtMs === null ? 0 : (wallMs - view.endedAtMs) / 1000;
      const written = (view.tokensPerS ?? 0) * Math.max(0, ago - sinceEnd) + 9 * Math.sin(ago / 2) * Math.sin(ago / 7);
      return { ...view, outputTokens: Math.max(0, Math.round(view.outputTokens - written)), endedAtMs: null };
    });
    const waiting = requests.filter(({ wait, startedAtMs }) => wait !== null && wallMs - startedAtMs >= ago * 1000);
    pace.take(views, waiting.length, { wallMs: wallMs - ago * 1000, monotonicMs: monotonicMs - ago * 1000 });
  }
}

export function sampleModel(id: string, parts: Partial<Model> = {}): Model {
  return {
    id,
    name: id,
    format: 'gguf',
    path: `/models/${id}.gguf`,
    hfId: null,
    endpoint: null,
    quantization: 'Q4_K_M',
    sizeBytes: 18 * GB,
    trainedContextTokens: 131_072,
    capabilities: { tools: true, thinking: false, vision: false, embedding: false },
    aliases: [],
    isDemo: false,
    isManaged: true,
    config: EMPTY_CONFIG,
    createdAtMs: 0,
    updatedAtMs: 0,
    ...parts,
  };
}

export function sampleFleetModel(modelId: string, parts: Partial<FleetModel> = {}): FleetModel {
  return idleModel(modelId, { usualLoadMs: 14_000, ...parts });
}

export function readyModel(modelId: string, parts: Partial<FleetModel> = {}): FleetModel {
  const launch = {
    ctx_size: 100_000,
    n_parallel: 2,
    flash_attn: 'on',
    cache_type_k: 'q4_0',
    cache_type_v: 'q4_0',
    gpu_layers: -1,
    threads: -1,
    batch_size: 2048,
    ubatch_size: 512,
    rope_scaling: '',
    rope_scale: 0,
    mlock: false,
    mmap: true,
    cache_ram_mib: 2048,
    mmproj_path: '',
    chat_template_file: '',
    draft_model_path: '',
    num_draft_tokens: 2,
    draft_mtp: false,
    mlx_engine: '',
    mlx_prompt_cache_size: 10,
    mlx_kv_bits: 0,
    mlx_reasoning_parser: '',
    mlx_tool_call_parser: '',
    mlx_trust_remote_code: false,
    extra_args: [],
  } as const;
  return sampleFleetModel(modelId, {
    state: {
      phase: 'ready',
      generation: 1,
      sinceMs: 0,
      engine: 'llama.cpp',
      speech: llamaSpeech,
      engineVersion: 'b11434',
      baseUrl: 'http://127.0.0.1:8081',
      apiKey: 'secret-of-the-engine',
      port: 8081,
      pid: 4711,
      contextTokens: 100_000,
      slots: 2,
      launch: { ...launch, extra_args: [] },
      loadMs: 13_000,
    },
    measuredBytes: 18 * GB,
    reserved: {
      totalBytes: 18 * GB,
      source: 'measured',
      parts: { weightsBytes: 15 * GB, kvCacheBytes: 2 * GB, computeBytes: GB, engineCacheBytes: 0 },
    },
    lastUsedAtMs: Date.now() - 192_000,
    unloadAtMs: performance.now() + 271_000,
    ...parts,
  });
}

export function sampleRequest(id: string, parts: Partial<RequestView> = {}): RequestView {
  return {
    id,
    route: '/v1/messages',
    dialect: 'anthropic',
    wantedModel: null,
    isStream: true,
    client: 'claude-code',
    modelId: null,
    stage: 'queued',
    startedAtMs: Date.now() - 31_000,
    stageSinceAtMs: Date.now() - 4000,
    wait: null,
    promptTokens: null,
    cachedTokens: null,
    prefillRatio: null,
    outputTokens: 0,
    tokensPerS: null,
    ttftMs: null,
    queueMs: null,
    loadMs: null,
    repairs: [],
    parameters: null,
    endedAtMs: null,
    termination: null,
    error: null,
    ...parts,
  };
}

/** Every state that the Monitor can show, at once. */
export function fullScene(): Scene {
  const [gemma, qwen, llama, broken, big] = [
    'gemma-4-26B-A4B',
    'qwen3-coder-30B',
    'llama-3.2-3B',
    'phi-5-mini',
    'org/mistral-9B',
  ];
  return {
    models: [
      sampleModel(gemma),
      sampleModel(qwen, { quantization: 'Q5_K_S' }),
      sampleModel(llama, { sizeBytes: 2.1 * GB, quantization: 'Q8_0' }),
      sampleModel(broken, { sizeBytes: 4 * GB }),
      sampleModel(big, { sizeBytes: 640e6, isDemo: true }),
    ],
    fleet: [
      readyModel(gemma, { inFlight: 2, unloadAtMs: null, lastUsedAtMs: Date.now() - 1000 }),
      sampleFleetModel(qwen, {
        state: {
          phase: 'starting',
          generation: 1,
          sinceMs: performance.now() - 6000,
          stage: 'text_model',
          ratio: 0.41,
          pid: 4712,
        },
        reserved: {
          totalBytes: 12 * GB,
          source: 'engine',
          parts: { weightsBytes: 10 * GB, kvCacheBytes: GB, computeBytes: GB, engineCacheBytes: 0 },
        },
        waiting: 1,
      }),
      sampleFleetModel(llama),
      sampleFleetModel(broken, {
        state: {
          phase: 'failed',
          sinceMs: 0,
          retryAtMs: performance.now() + 8000,
          attempts: 2,
          report: {
            kind: 'out-of-memory',
            isSticky: false,
            message: 'The GPU ran out of memory: 4.1 GB were asked for.',
            hint: 'Lower the context, or use a smaller quantisation of the cache.',
            exitCode: 1,
            signal: null,
            tail: [
              'ggml_vulkan: Device memory allocation of size 4100000000 failed.',
              'main: exiting due to model loading error',
            ],
          },
        },
      }),
      readyModel(big, {
        measuredBytes: 640e6,
        reserved: {
          totalBytes: 650e6,
          source: 'measured',
          parts: { weightsBytes: 600e6, kvCacheBytes: 30e6, computeBytes: 20e6, engineCacheBytes: 0 },
        },
        isPinned: true,
        unloadAtMs: null,
      }),
    ],
    gpu: {
      ...{ count: 1, busyRatio: 0.92, powerW: 61, temperatureC: 71 },
      memory: { usedBytes: 19.2 * GB, totalBytes: 24 * GB },
    },
    usages: new Map([
      [gemma, { requests: 240, tokensPerS: 42.8, firstTokenMs: 640, lastUsedAtMs: Date.now() - 1000 }],
      [big, { requests: 12, tokensPerS: 61.3, firstTokenMs: 310, lastUsedAtMs: Date.now() - 192_000 }],
      [llama, { requests: 3, tokensPerS: 88, firstTokenMs: null, lastUsedAtMs: Date.now() - 86_400_000 }],
    ]),
    requests: [
      sampleRequest('aaaaaaaaaaa1', {
        modelId: gemma,
        stage: 'generating',
        outputTokens: 1204,
        tokensPerS: 44.2,
        promptTokens: 18_420,
        cachedTokens: 17_900,
        ttftMs: 800,
        repairs: ['a tool call that leaked into the text'],
      }),
      sampleRequest('aaaaaaaaaaa2', {
        modelId: gemma,
        client: 'hermes',
        stage: 'prefilling',
        promptTokens: 61_000,
        cachedTokens: 22_000,
        prefillRatio: 0.63,
      }),
      sampleRequest('aaaaaaaaaaa3', {
        modelId: qwen,
        client: 'opencode',
        stage: 'loading',
        wait: { reason: 'loading', stage: 'text_model', ratio: 0.41, sinceMs: 0, usualMs: 14_000 },
      }),
      sampleRequest('aaaaaaaaaaa4', {
        modelId: gemma,
        client: 'codex',
        stage: 'queued',
        wait: { reason: 'slots', place: 1, busy: 2 },
      }),
      sampleRequest('aaaaaaaaaaa5', {
        modelId: gemma,
        client: 'openclaw',
        stage: 'completed',
        outputTokens: 412,
        tokensPerS: 41,
        endedAtMs: Date.now(),
        termination: '--',
      }),
    ],
  };
}
