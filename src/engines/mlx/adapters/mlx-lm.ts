/** mlx_lm.server: text, the newest of MLX first. Tested with 0.31.3 and 0.32.2. */
import { readFileSync, statSync } from 'node:fs';
import type { Command, EngineAdapter, EngineFacts, LaunchPlan } from '#src/engines/engine.ts';
import { Fault } from '#src/faults.ts';
import { isObject, stringOrNull } from '#src/json.ts';
import { ask } from './ask.ts';
import { cacheBits, drafting, lastArguments, mlxAdapter } from './mlx-adapter.ts';
import {
  cacheBytesMax,
  cacheEntriesMax,
  cannot,
  contextOf,
  type MlxAdapterDeps,
  mlxEnvironment,
  OptionWriter,
  templateOf,
} from './serve-plan.ts';

/** One argument may not be longer on Linux. */
const TEMPLATE_BYTES_MAX = 128 * 1024 - 1;
/** How long one look waits for the first answer; the question itself stays asked. */
const LOOK_MS = 1_000;

/** The adapter for mlx_lm.server. */
export function mlxLm(deps: MlxAdapterDeps): EngineAdapter {
  const firstAnswers = new FirstAnswers();
  return mlxAdapter('mlx-lm', {
    // It has nothing to close and dies of the first signal.
    stopping: [{ afterMs: 0, signal: 'SIGTERM' }],
    command: (plan) => command(plan, deps),
    inspect: (baseUrl, plan, signal) => inspect(baseUrl, plan, signal, firstAnswers),
  });
}

function command(plan: LaunchPlan, deps: MlxAdapterDeps): Command {
  const { model, launch, engine, port } = plan;
  const write = new OptionWriter(deps.optionsOf(engine));
  const cacheBytes = cacheBytesMax(plan);
  const argv = [
    engine.executable,
    ...['--model', model.path],
    ...['--host', '127.0.0.1'],
    ...['--port', String(port)],
    // It has no key: at least no web page may read its answers.
    ...write.maybe('--allowed-origins', `http://127.0.0.1:${port}`),
    ...write.maybe('--log-level', 'INFO'),
    ...write.maybe('--decode-concurrency', launch.n_parallel),
    ...write.maybe('--prompt-concurrency', launch.n_parallel),
    ...write.maybe('--prompt-cache-size', cacheEntriesMax(plan)),
    ...(cacheBytes === null ? [] : write.maybe('--prompt-cache-bytes', cacheBytes)),
    ...cacheBits(plan, write),
    ...drafting('--draft-model', plan, deps, write),
    ...template(plan, deps),
    ...lastArguments('mlx-lm', plan, deps),
  ];
  return { argv, env: mlxEnvironment(deps) };
}

/** It takes a template's text, not its file. */
function template(plan: LaunchPlan, deps: MlxAdapterDeps): string[] {
  const path = templateOf(plan, deps);
  if (path === null) return [];
  // Looked at before it is read: a pipe would be waited for without an end.
  const stats = statSync(path);
  if (!stats.isFile()) throw cannot(plan, 'takes a chat template from a file only, and chat_template_file is none');
  if (stats.size > TEMPLATE_BYTES_MAX) {
    throw cannot(plan, 'takes chat templates of at most 128 KiB, and chat_template_file is larger');
  }
  return ['--chat-template', readFileSync(path, 'utf8')];
}

/** Requests that are served side by side: a draft model or a quantised cache makes it serve one at a time. */
function slotsOf({ launch }: LaunchPlan): number {
  return launch.draft_model_path !== '' || launch.mlx_kv_bits !== 0 ? 1 : launch.n_parallel;
}

/** Null while the model is being loaded: it listens and calls itself healthy long before. */
async function inspect(
  baseUrl: string,
  plan: LaunchPlan,
  signal: AbortSignal,
  firstAnswers: FirstAnswers,
): Promise<EngineFacts | null> {
  if (!firstAnswers.isAsked(plan)) await checkIdentity(baseUrl, plan, signal);
  const answer = await firstAnswers.of(plan, `${baseUrl}/v1/chat/completions`, signal);
  if (answer === null) return null;
  if (answer.status !== 200) {
    throw new Fault('engine-refused', `Its first answer was ${answer.status}: ${complaintIn(answer.body)}.`);
  }
  return { contextTokens: contextOf(plan), slots: slotsOf(plan), hasVision: false };
}

/** Somebody's own server on our port would answer too; ours lists this very folder. */
async function checkIdentity(baseUrl: string, { model }: LaunchPlan, signal: AbortSignal): Promise<void> {
  const { body } = await ask(`${baseUrl}/v1/models`, signal);
  const listed = isObject(body) && Array.isArray(body.data) ? body.data : [];
  if (listed.some((each: unknown) => isObject(each) && each.id === model.path)) return;
  throw new Fault('engine-refused', `It does not list ${model.path} among its models.`);
}

function complaintIn(body: unknown): string {
  const text = isObject(body) ? stringOrNull(body.error) : null;
  return (text ?? 'no reason was given').slice(0, 300);
}

type First = Awaited<ReturnType<typeof ask>>;

/**
 * One question of one token for each start, asked once and left standing until the model is there to answer it. It ends
 * with the process, whose connections close.
 */
class FirstAnswers {
  readonly #asked = new WeakMap<LaunchPlan, Promise<First | Error>>();

  isAsked(plan: LaunchPlan): boolean {
    return this.#asked.has(plan);
  }

  /** The answer, or null when there is none yet. Rejects when the question came to nothing, and asks it anew then. */
  async of(plan: LaunchPlan, url: string, signal: AbortSignal): Promise<First | null> {
    const asked = this.#asked.get(plan) ?? this.#ask(plan, url);
    const answer = await Promise.race([asked, silence(LOOK_MS, signal)]);
    if (!(answer instanceof Error)) return answer;
    this.#asked.delete(plan);
    throw answer;
  }

  #ask(plan: LaunchPlan, url: string): Promise<First | Error> {
    const body = { model: plan.model.path, max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] };
    const asked = ask(url, new AbortController().signal, { body }).catch((cause) =>
      cause instanceof Error ? cause : new Error(String(cause)),
    );
    this.#asked.set(plan, asked);
    return asked;
  }
}

function silence(ms: number, signal: AbortSignal): Promise<null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), ms);
  signal.addEventListener('abort', () => resolve(null), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
