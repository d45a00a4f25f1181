/**
 * Draws the picture of the README: `bun test/support/readme-picture.ts`. The pages are the real ones; the models are
 * made up, but every number follows from the others, as on a machine where they run.
 */
import { join } from 'node:path';
import type { RequestView } from '#src/requests/request.ts';
import { openBrowser, watchedPage } from './browser.ts';
import {
  type Dashboard,
  openDashboard,
  readyModel,
  type Scene,
  sampleFleetModel,
  sampleModel,
  sampleRequest,
} from './dashboard.ts';

const TO = join(import.meta.dir, '../../public/readme/monitor.png');
const GB = 1e9;
const [GEMMA, QWEN, LLAMA] = ['gemma-4-26B-A4B', 'qwen3-coder-30B', 'llama-3.2-3B'];
const STEP_MS = 200;
/** So long everything goes on before the picture is taken. */
const STEPS = 60;

const ago = (seconds: number): number => Date.now() - seconds * 1000;

function ended(id: string, secondsAgo: number, parts: Partial<RequestView>): RequestView {
  const endedAtMs = ago(secondsAgo);
  return sampleRequest(id, {
    ...{ modelId: LLAMA, stage: 'completed', termination: '--', endedAtMs, startedAtMs: endedAtMs - 9_000 },
    ...parts,
  });
}

/** Those that ended before the page was opened, the oldest first. */
function pastRequests(): RequestView[] {
  const byClient = { stage: 'cancelled', termination: 'CP', startedAtMs: ago(104) } as const;
  return [
    ended('b1', 100, { client: 'opencode', modelId: GEMMA, ...byClient }),
    ended('b2', 75, { client: 'hermes', outputTokens: 702, tokensPerS: 78.4, startedAtMs: ago(84.4) }),
    ended('b3', 48, { client: 'openclaw', outputTokens: 412, tokensPerS: 81.2, startedAtMs: ago(53.4) }),
    ended('b4', 14, { client: 'hermes', outputTokens: 655, tokensPerS: 79.8, startedAtMs: ago(22.6) }),
  ];
}

function presentRequests(): RequestView[] {
  const wait = {
    reason: 'loading',
    stage: 'text_model',
    ratio: 0.3,
    sinceMs: performance.now(),
    usualMs: 14_000,
  } as const;
  return [
    sampleRequest('a1', {
      ...{ modelId: GEMMA, stage: 'generating', startedAtMs: ago(34), outputTokens: 1_204, tokensPerS: 44.2 },
      ...{ promptTokens: 18_420, cachedTokens: 17_900, ttftMs: 812 },
    }),
    sampleRequest('a2', {
      ...{ modelId: GEMMA, client: 'hermes', stage: 'prefilling', startedAtMs: ago(9), stageSinceAtMs: ago(8.8) },
      ...{ promptTokens: 61_000, cachedTokens: 22_000, prefillRatio: 0.45 },
    }),
    sampleRequest('a3', {
      ...{ modelId: GEMMA, client: 'codex', startedAtMs: ago(4), stageSinceAtMs: ago(4) },
      wait: { reason: 'slots', place: 1, busy: 2 },
    }),
    sampleRequest('a4', {
      ...{ modelId: QWEN, client: 'opencode', stage: 'loading', startedAtMs: ago(4), stageSinceAtMs: ago(4) },
      wait,
    }),
  ];
}

function scene(): Scene {
  const parts = (weights: number, context: number, compute: number) => ({
    totalBytes: (weights + context + compute) * GB,
    source: 'measured' as const,
    parts: {
      weightsBytes: weights * GB,
      kvCacheBytes: context * GB,
      computeBytes: compute * GB,
      engineCacheBytes: 0,
    },
  });
  const usage = { requests: 240, lastUsedAtMs: Date.now() };
  return {
    models: [
      sampleModel(GEMMA),
      sampleModel(QWEN, { sizeBytes: 10 * GB, quantization: 'IQ3_XS' }),
      sampleModel(LLAMA, { sizeBytes: 2.1 * GB, quantization: 'Q4_K_M' }),
    ],
    fleet: [
      readyModel(GEMMA, { inFlight: 2, waiting: 1, unloadAtMs: null, lastUsedAtMs: ago(1), reserved: parts(15, 2, 1) }),
      sampleFleetModel(QWEN, {
        state: {
          phase: 'starting',
          generation: 1,
          sinceMs: performance.now() - 4_000,
          stage: 'text_model',
          ratio: 0.3,
          pid: 2,
        },
        ...{ waiting: 1, reserved: parts(10, 1.4, 0.6) },
      }),
      readyModel(LLAMA, {
        ...{ measuredBytes: 2.6 * GB, reserved: parts(2.1, 0.4, 0.1), lastUsedAtMs: ago(14) },
        unloadAtMs: performance.now() + 286_000,
      }),
    ],
    requests: [...pastRequests(), ...presentRequests()],
    gpu: {
      ...{ count: 1, busyRatio: 0.92, powerW: 61, temperatureC: 71 },
      memory: { usedBytes: 22.4 * GB, totalBytes: 36 * GB },
    },
    usages: new Map([
      [GEMMA, { ...usage, tokensPerS: 42.8, firstTokenMs: 840 }],
      [QWEN, { ...usage, tokensPerS: 51.6, firstTokenMs: 610 }],
      [LLAMA, { ...usage, tokensPerS: 79.3, firstTokenMs: 210 }],
    ]),
  };
}

/** What `STEP_MS` change. */
function step({ scene: shown, bus }: Dashboard, count: number): void {
  const seconds = STEP_MS / 1000;
  shown.requests = shown.requests.map((view) => {
    switch (view.stage) {
      case 'generating': {
        const tokensPerS = 44 + 3 * Math.sin(count / 5) + Math.sin(count / 2);
        return { ...view, tokensPerS, outputTokens: view.outputTokens + Math.round(tokensPerS * seconds) };
      }
      case 'prefilling':
        return { ...view, prefillRatio: Math.min(1, (view.prefillRatio ?? 0) + 0.003) };
      case 'loading':
        return view.wait?.reason === 'loading' ? { ...view, wait: { ...view.wait, ratio: 0.3 + count / 200 } } : view;
      default:
        return view;
    }
  });
  shown.fleet = shown.fleet.map((model) =>
    model.state.phase === 'starting' ? { ...model, state: { ...model.state, ratio: 0.3 + count / 200 } } : model,
  );
  for (const { id, modelId } of shown.requests) {
    bus.publish({ type: 'request-changed', requestId: id, modelId: modelId ?? '' });
  }
  bus.publish({ type: 'model-changed', modelId: QWEN });
}

async function draw(): Promise<void> {
  const dashboard = await openDashboard(scene());
  // They end one after another, and are told of among the recent ones.
  for (const { id, modelId, endedAtMs } of dashboard.scene.requests) {
    if (endedAtMs !== null) dashboard.bus.publish({ type: 'request-changed', requestId: id, modelId: modelId ?? '' });
  }
  dashboard.scene.requests = dashboard.scene.requests.filter(({ endedAtMs }) => endedAtMs === null);
  const browser = await openBrowser();
  const { page } = await watchedPage(browser, { colorScheme: 'dark', width: 1440 });
  await page.goto(dashboard.listener.url);
  await page.waitForSelector('#connection[data-state=live]');
  for (let count = 0; count < STEPS; count += 1) {
    step(dashboard, count);
    await Bun.sleep(STEP_MS);
  }
  await page.screenshot({ path: TO });
  await browser.close();
  await dashboard.stop();
}

if (import.meta.main) {
  await draw();
  process.exit(0);
}
