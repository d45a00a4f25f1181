/** Each step of the guide in each of its states, and the words for them. */
import { describe, expect, test } from 'bun:test';
import { connectStep, engineStep, modelStep, modelToConnect, timesText } from '#src/pages/setup/present.ts';
import { sampleModel, sampleRequest } from '../../support/dashboard.ts';

const NO_ENGINE = { isSeen: true, engines: [], broken: [], work: null, fixedBy: null };
const ENGINE = {
  ...{ id: 'b1', version: 'b1', origin: 'installed', executable: '/e/llama-server', sizeBytes: 1 },
  ...{ isChosen: true, isRemovable: false },
};

describe('the engine', () => {
  const broken = [{ id: 'path:/usr/bin/llama-server', origin: 'path', reason: 'libcuda.so is missing.' }];
  const working = { kind: 'install', message: 'Downloading', ratio: 0.4, steps: [], step: null } as const;
  const failed = { kind: 'failed', message: 'The host is away.' } as const;
  test.each([
    ['nobody has looked yet', { ...NO_ENGINE, isSeen: false }, 'working', 'looking for one'],
    ['there is none', NO_ENGINE, 'open', 'none yet'],
    ['there is one that is broken', { ...NO_ENGINE, broken }, 'failed', 'none that works'],
    ['one is being installed', { ...NO_ENGINE, work: working }, 'working', 'being installed'],
    ['it could not be installed', { ...NO_ENGINE, work: failed }, 'failed', 'none that works'],
    ['there is one', { ...NO_ENGINE, engines: [ENGINE] }, 'done', 'ready'],
    ['there is one, and another is broken', { ...NO_ENGINE, engines: [ENGINE], broken }, 'done', 'ready'],
  ] as const)('%s', (_, seen, state, word) => {
    const step = engineStep(seen, [], { engineMs: 12_000 }, 'linux');
    expect([step.state, step.word]).toEqual([state, word]);
    // The time is that of an engine that is here.
    expect(step.tookMs).toBe(state === 'done' ? 12_000 : null);
  });

  test('says version, what it computes with, and where it is from', () => {
    const step = engineStep({ ...NO_ENGINE, engines: [ENGINE] }, ['Vulkan', 'CPU'], { engineMs: null }, 'linux');
    expect(step.facts).toEqual(['llama-server b1', 'Vulkan, CPU', 'installed by Flow']);
  });

  test('can be typed for, by Homebrew where that is usual', () => {
    const on = (platform: NodeJS.Platform) =>
      engineStep(NO_ENGINE, [], { engineMs: null }, platform).commands.map(({ text }) => text);
    expect(on('darwin')).toContain('brew install llama.cpp');
    expect(on('linux')).not.toContain('brew install llama.cpp');
  });
});

const DEMO = sampleModel('flow-demo', { isDemo: true });
const EMBEDDER = sampleModel('embedder', {
  capabilities: { tools: false, thinking: false, vision: false, embedding: true },
});

describe('the model', () => {
  const shown = {
    downloads: [],
    demo: 'offered',
    budgetBytes: 8e9,
    picks: { phase: 'asking' },
    local: { phase: 'asking' },
  } as const;
  const milestones = {
    model: { name: 'x', tookMs: 41_000, by: 'download' },
    isDemoChosen: false,
    answer: null,
  } as const;
  test.each([
    ['nothing but the demo', [DEMO], milestones, 'open', null],
    ['the demo, chosen', [DEMO], { ...milestones, isDemoChosen: true }, 'done', 41_000],
    ['one that only makes embeddings', [EMBEDDER], milestones, 'open', null],
    ['a real one', [DEMO, sampleModel('qwen')], milestones, 'done', 41_000],
  ] as const)('%s', (_, models, known, state, tookMs) => {
    const step = modelStep({ ...shown, models: [...models], milestones: known });
    expect([step.state, step.tookMs]).toEqual([state, tookMs]);
  });

  test('agents are told of the default, else of the newest that answers, else of the demo', () => {
    const [old, young] = [sampleModel('old', { createdAtMs: 1 }), sampleModel('young', { createdAtMs: 2 })];
    expect(modelToConnect([DEMO, young, old, EMBEDDER], 'old')).toBe('old');
    expect(modelToConnect([DEMO, young, old, EMBEDDER], '')).toBe('young');
    expect(modelToConnect([DEMO, EMBEDDER], 'gone')).toBe('flow-demo');
    expect(modelToConnect([EMBEDDER], '')).toBeNull();
  });
});

describe('the first answer', () => {
  const none = { answer: null };
  const answer = { modelId: 'qwen', client: 'codex', tokensPerS: 43.14, tookMs: 3_100 };
  const request = (stage: 'queued' | 'loading' | 'generating' | 'failed' | 'completed') =>
    sampleRequest('aaaaaaaaaaa1', {
      ...{ client: 'codex', modelId: 'qwen', stage, tokensPerS: 40 },
      error: stage === 'failed' ? { kind: 'no-memory', message: 'It needs 21 GB.' } : null,
    });
  test.each([
    ['nothing came', none, null, 'working', 'Waiting for the first request…'],
    ['a request waits', none, request('loading'), 'working', 'A request of codex waits until qwen is loaded.'],
    ['it is answered', none, request('generating'), 'working', 'qwen answers codex.'],
    ['it failed', none, request('failed'), 'failed', 'A request of codex came and was not answered: It needs 21 GB.'],
    ['it is there', { answer }, null, 'done', 'First answer: qwen to codex, after 3.1 s, 43.1 tok/s.'],
    [
      'and another',
      { answer },
      request('completed'),
      'done',
      'First answer: qwen to codex, after 3.1 s, 43.1 tok/s. Last: qwen to codex, 40.0 tok/s.',
    ],
  ] as const)('%s', (_, milestones, latest, state, says) => {
    const step = connectStep({ modelId: 'qwen', agents: [], milestones, latest });
    expect([step.state, step.says]).toEqual([state, says]);
  });

  test('agents of this machine come first, those that are set up before the others', () => {
    const agent = (name: string, isInstalled: boolean, isConnected: boolean) => {
      return { name, title: name, isInstalled, isConnected, connect: '' };
    };
    const agents = [agent('a', false, false), agent('b', true, false), agent('c', false, true)];
    const { agents: sorted } = connectStep({ modelId: 'qwen', agents, milestones: none, latest: null });
    expect(sorted.map(({ name }) => name)).toEqual(['c', 'b', 'a']);
  });
});

test('the times are told of what was measured, and of nothing else', () => {
  const nothing = { engineMs: null, model: null, answer: null, isDemoChosen: false, isSkipped: false };
  const model = { name: 'qwen', tookMs: 41_000, by: 'download' } as const;
  const answer = { modelId: 'qwen', client: null, tokensPerS: null, tookMs: 3_100 };
  expect(timesText(nothing)).toBe('');
  expect(timesText({ ...nothing, model })).toBe('Model 41 s');
  expect(timesText({ ...nothing, engineMs: 12_000, model, answer })).toBe(
    'Engine 12 s · model 41 s · first answer 3.1 s',
  );
});
