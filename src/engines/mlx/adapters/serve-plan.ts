/** What the adapters of MLX servers have in common: what they are given, their environment, how long they may go. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { allowedPath } from '#src/engines/allowed-path.ts';
import type { InstalledEngine, LaunchPlan, StopStep } from '#src/engines/engine.ts';
import { type Environment, engineEnvironment } from '#src/engines/environment.ts';
import { contextPerConversation } from '#src/engines/llama-server.ts';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import type { ServerOptions } from '../options.ts';

export type MlxAdapterDeps = {
  /** Flow's own environment, of which only a few names are handed on. */
  readonly environment: Environment;
  /** Folders engines may read files from, besides the one of the model itself. */
  readonly allowedRoots: () => readonly string[];
  /** The options that an installed server has; null when nobody asked it, then it is taken for a present-day one. */
  readonly optionsOf: (engine: InstalledEngine) => ServerOptions | null;
  /** How a model calls tools and thinks. */
  readonly traitsOf: (model: Model) => ModelTraits;
  /** A folder of Flow's own, for what the servers would look for in a user's home. */
  readonly homeDir: string;
};

/** Where neither the settings nor the model say: few have less. */
const CONTEXT_ASSUMED_TOKENS = 32_768;

/** Uvicorn waits for every answer that is being given after SIGTERM, without a bound; SIGINT then ends it (1.5 s). */
export const UVICORN_STOPPING: readonly StopStep[] = [
  { afterMs: 0, signal: 'SIGTERM' },
  { afterMs: 500, signal: 'SIGINT' },
];

/**
 * The environment of an MLX server. `hub` below `HF_HOME` must exist: without it mlx_lm answers `/v1/models` with
 * nothing. Offline, because a path that is wrong is looked up as a repository's name. No token is ever handed over.
 */
export function mlxEnvironment({ environment, homeDir }: MlxAdapterDeps): Record<string, string> {
  mkdirSync(join(homeDir, 'hub'), { recursive: true });
  const ofMlx = Object.entries(environment).flatMap(([name, value]) =>
    name.startsWith('MLX_') && value !== undefined ? [[name, value]] : [],
  );
  return {
    ...engineEnvironment(environment, null),
    ...Object.fromEntries(ofMlx),
    HF_HOME: homeDir,
    HF_HUB_OFFLINE: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    TRANSFORMERS_OFFLINE: '1',
    TOKENIZERS_PARALLELISM: 'false',
    PYTHONNOUSERSITE: '1',
    PYTHONUNBUFFERED: '1',
    PYTHONIOENCODING: 'utf-8',
    NO_COLOR: '1',
  };
}

/** Writes options of a server: only those that it has. */
export class OptionWriter {
  readonly #options: ServerOptions | null;

  constructor(options: ServerOptions | null) {
    this.#options = options;
  }

  has(name: string): boolean {
    return this.#options === null || this.#options.has(name);
  }

  /** The option with its value, or nothing when the server has none of that name. */
  maybe(name: string, value: string | number): string[] {
    return this.has(name) ? [name, String(value)] : [];
  }

  /** The values that an option may have; null = any. */
  choices(name: string): readonly string[] | null {
    return this.#options?.get(name) ?? null;
  }

  /** The option with its value. Throws Fault('invalid-request') when the server has none of that name. */
  needed(name: string, value: string | number, { setting, plan }: { setting: string; plan: LaunchPlan }): string[] {
    if (this.has(name)) return [name, String(value)];
    throw cannot(plan, `has no ${name}, which ${setting} needs`);
  }
}

/** A refusal of something that this server cannot be started with. */
export function cannot({ engine, model }: LaunchPlan, what: string): Fault {
  const name = engine.version === null ? engine.kind : `${engine.kind} ${engine.version}`;
  return new Fault('invalid-request', `${name} ${what}.`, {
    hint: `Change it in the settings of ${model.id}, or choose another engine or version.`,
  });
}

/** Where files of a start may lie: the roots, the model's folder and what is beside it. */
export function rootsOf({ model }: LaunchPlan, deps: MlxAdapterDeps): string[] {
  return [...deps.allowedRoots(), model.path, dirname(model.path)];
}

/** The folder of the draft model; null without one. Throws Fault('invalid-request') for one that may not be read. */
export function draftOf(plan: LaunchPlan, deps: MlxAdapterDeps): string | null {
  const { draft_model_path: draft } = plan.launch;
  return draft === '' ? null : allowedPath(draft, rootsOf(plan, deps), 'draft_model_path');
}

/** Refuses drafting by a model's own layers, which only mlx-vlm can. Throws Fault('invalid-request'). */
export function refuseMtp(plan: LaunchPlan): void {
  if (plan.launch.draft_mtp) throw cannot(plan, "cannot draft by a model's own layers (draft_mtp)");
}

/** The chat template's file; null without one of its own. Throws Fault('invalid-request') as above. */
export function templateOf(plan: LaunchPlan, deps: MlxAdapterDeps): string | null {
  const { chat_template_file: file } = plan.launch;
  return file === '' ? null : allowedPath(file, rootsOf(plan, deps), 'chat_template_file');
}

/** Bytes that its prompt cache may take; null = as many as it likes. */
export function cacheBytesMax({ launch }: LaunchPlan): number | null {
  return launch.cache_ram_mib < 0 ? null : launch.cache_ram_mib * 1024 * 1024;
}

/** Conversations whose prompts are remembered: none where the cache may take nothing. */
export function cacheEntriesMax({ launch }: LaunchPlan): number {
  return launch.cache_ram_mib === 0 ? 0 : launch.mlx_prompt_cache_size;
}

/** The context of one conversation: no MLX server bounds it, so what the launch says is a word of Flow's alone. */
export function contextOf({ model, launch }: LaunchPlan): number {
  return contextPerConversation(model, launch) ?? CONTEXT_ASSUMED_TOKENS;
}
