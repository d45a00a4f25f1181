/**
 * A whole Flow in which everything may be done: fake engine, fake hub, nothing that leaves the machine. It knows names
 * of things that are there, tells in one text what is set up, and puts right what a request has changed.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isObject, type JsonObject } from '#src/json.ts';
import { LOCAL_KEY_HEADER, readLocalKey } from '#src/store/local-key.ts';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { startFakeHub } from '#test/support/fake-hub.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';

const NOWHERE = 'http://127.0.0.1:9';
export const REPOSITORY = 'acme/fuzz-GGUF';
const MODEL = 'fuzzed';

export type ApiSandbox = AsyncDisposable & {
  readonly flow: RunningFlow;
  readonly document: JsonObject;
  /** Names of things that are there, by the name of a path's parameter. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** Whoever shows this is the owner, whatever keys there are. */
  readonly ownHeaders: Readonly<Record<string, string>>;
  /** Everything that is set up, as one text; what happens by itself is left out. */
  digest(): Promise<string>;
  /** Puts back what the next requests need. */
  restore(): Promise<void>;
};

/** Starts it with a model, a key, a preset, a conversation's worth of names and a download. */
export async function openApiSandbox(): Promise<ApiSandbox> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-fuzz-'));
  const dataDir = join(folder, 'data');
  const path = join(dataDir, 'models', `${MODEL}.gguf`);
  mkdirSync(join(dataDir, 'models'), { recursive: true });
  await writeScriptedModel(path, { name: MODEL, scripts: { plain: 'A plain answer.' } });
  const bytes = await Bun.file(path).bytes();
  const hub = await startFakeHub([{ id: REPOSITORY, files: [{ path: 'fuzz-Q8_0.gguf', bytes }], downloads: 3 }]);
  const engine = makeFakeEngine(folder, { request: { tokens: 5 } });
  const flow = await startFlow({ dataDir, engine: engine.executable, environment: offline(hub.url, folder) });
  const ownHeaders = { [LOCAL_KEY_HEADER]: readLocalKey(dataDir) ?? '' };
  const { body: registered } = await flow.json('/api/register-local', { path });
  await flow.json('/api/settings', { default_model: MODEL }, 'PUT');
  const { body: key } = await flow.json('/api/keys', { name: 'kept', scopes: ['infer'] });
  const { body: preset } = await flow.json('/api/presets', { name: 'kept', config: { temperature: 0.5 } });
  const { body: download } = await flow.json('/api/models/download', { hf_id: REPOSITORY });
  const { body: settings } = await flow.json('/api/settings');
  const { body: document } = await flow.json('/openapi.json');
  const modelId = String(registered.model_id);
  return {
    flow,
    document,
    ownHeaders,
    names: {
      id: [modelId, String(key.id), String(preset.id), String(download.id), 'flow-demo'],
      owner: ['acme'],
      name: ['fuzz-GGUF', 'opencode'],
      backend: ['llamacpp', 'mlx'],
      path: ['props', 'slots', 'v1/chat/completions', 'health'],
      digest: ['sha256:0'],
    },
    digest: () => digestOf(flow, modelId),
    async restore() {
      await flow.json('/api/settings', withoutFixed(settings), 'PUT');
      await flow.json(`/api/models/${modelId}/config`, undefined, 'DELETE');
      await flow.json('/api/register-local', { path });
    },
    async [Symbol.asyncDispose]() {
      await flow[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function offline(hubUrl: string, home: string): Record<string, string> {
  return {
    HF_ENDPOINT: hubUrl,
    HOME: home,
    FLOW_ENGINE_RELEASES_URL: NOWHERE,
    ...{ PIP_INDEX_URL: NOWHERE, PIP_NO_INDEX: '1', PIP_RETRIES: '0', PIP_CONFIG_FILE: '/dev/null' },
    ...{ UV_DEFAULT_INDEX: NOWHERE, UV_OFFLINE: '1', HOMEBREW_NO_AUTO_UPDATE: '1' },
  };
}

/** What this run was told by flags cannot be changed. */
function withoutFixed(settings: JsonObject): JsonObject {
  const { port: _port, hub_url: _hub, ...rest } = settings;
  return rest;
}

const LISTED: readonly { readonly path: string; readonly fields: readonly string[] }[] = [
  { path: '/api/settings', fields: [] },
  { path: '/api/presets', fields: [] },
  { path: '/api/hf/token', fields: [] },
  {
    path: '/api/keys',
    fields: ['id', 'name', 'scopes', 'models', 'requests_per_minute', 'tokens_per_day', 'expires_at'],
  },
  { path: '/api/models', fields: ['id', 'name', 'aliases', 'is_pinned', 'cooldown_s'] },
  { path: '/api/trash', fields: ['token', 'files'] },
  { path: '/api/conversations', fields: ['id', 'title', 'is_pinned'] },
];

async function digestOf(flow: RunningFlow, modelId: string): Promise<string> {
  const parts = await Promise.all(LISTED.map(async ({ path, fields }) => only((await flow.json(path)).body, fields)));
  const { body: config } = await flow.json(`/api/models/${modelId}/config`);
  return JSON.stringify([...parts, config.config]);
}

/** The chosen fields of every object in a list, wherever it is; everything when none is chosen. */
function only(value: unknown, fields: readonly string[]): unknown {
  if (fields.length === 0) return value;
  if (typeof value === 'string' && value.startsWith('[')) return only(JSON.parse(value), fields);
  if (Array.isArray(value)) {
    return value.map((one) => (isObject(one) ? fields.map((field) => one[field]) : one));
  }
  return isObject(value) ? Object.values(value).map((one) => only(one, fields)) : null;
}
