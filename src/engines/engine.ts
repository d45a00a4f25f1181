/**
 * The vocabulary of engines: what Flow must know of a program that serves a model. One adapter a kind; pure but for
 * the probes.
 */
import type { EngineKind, LaunchSettings, Model } from '#src/models/model.ts';
import type { Speech } from './speech.ts';

/** What Flow can start itself. */
export type StartedKind = Exclude<EngineKind, 'openai'>;

/** One usable engine on this machine. */
export type InstalledEngine = {
  readonly kind: StartedKind;
  /** Unique among installed engines of a kind, for example `b11434` or `path:/usr/local/bin/llama-server`. */
  readonly id: string;
  /** As the program prints it, for example `b11434`; null when it would not say. */
  readonly version: string | null;
  readonly executable: string;
  /** Where it was found, in the order of preference. */
  readonly origin: 'environment' | 'installed' | 'path' | 'homebrew';
  /** Folder of shared libraries to put on the loader's path; null when the program finds its own. */
  readonly libraryPath: string | null;
};

/** Everything one start of an engine needs. */
export type LaunchPlan = {
  readonly model: Model;
  readonly launch: LaunchSettings;
  readonly engine: InstalledEngine;
  /** TCP port on 127.0.0.1, probed and reserved. */
  readonly port: number;
  /** Random, per start; handed over by environment so that it shows in no process list. */
  readonly apiKey: string;
};

/**
 * What to start. The engine's standard input must be a pipe that stays open for as long as it may live: a tethered
 * llama-server ends on its end of file, so `/dev/null` there ends it as soon as it is ready.
 */
export type Command = { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> };

/** What a line of an engine's output tells. `memory` comes once per part and device: add them up. */
export type LogSignal =
  | { readonly kind: 'load-progress'; readonly stage: string; readonly ratio: number }
  | { readonly kind: 'ready' }
  /** It can serve nobody any more, though its process may live on for ever. */
  | { readonly kind: 'broken' }
  /** What a person should know of it, in plain words. */
  | { readonly kind: 'remark'; readonly text: string }
  | {
      readonly kind: 'memory';
      readonly part: 'weights' | 'mapped-weights' | 'repacked-weights' | 'kv-cache' | 'compute';
      readonly bytes: number;
    };

export type CrashKind =
  | 'bad-flag'
  | 'missing-library'
  | 'not-executable'
  | 'missing-file'
  | 'corrupt-file'
  | 'port-taken'
  | 'out-of-memory'
  | 'load-stalled'
  | 'killed'
  | 'unknown';

/** Why an engine ended, in words for the user. A sticky cause will not go away by itself, so nobody retries it. */
export type CrashReport = {
  readonly kind: CrashKind;
  readonly isSticky: boolean;
  /** One sentence: what happened, with names and numbers. */
  readonly message: string;
  /** One sentence: what may help; null when there is nothing to suggest. */
  readonly hint: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last lines it wrote, oldest first, at most 40. */
  readonly tail: readonly string[];
};

/** How a process ended. */
export type Ending = {
  /** One of code and signal. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Its last lines of stderr and stdout, oldest first. */
  readonly tail: readonly string[];
  /** It had become ready, so that it ended while it served, or was free to. Its lines cannot tell: they may be lost. */
  readonly wasReady: boolean;
};

/** What a ready engine says of itself. */
export type EngineFacts = { readonly contextTokens: number; readonly slots: number; readonly hasVision: boolean };

/** One step towards an engine's end: a line on its standard input, or a signal to its group. */
export type StopStep = { readonly afterMs: number } & (
  | { readonly say: string }
  | { readonly signal: 'SIGTERM' | 'SIGINT' }
);

export interface EngineAdapter {
  readonly kind: StartedKind;
  /** How it is asked to go, politely first. What has not gone after the grace time is killed. */
  readonly stopping: readonly StopStep[];
  /** It says little of its load, so how far it is is told by the memory that it has taken. */
  readonly measuresLoad: boolean;
  /** Why this model's files could not be loaded, or null when they look right. Cheap. */
  precheck(model: Model): CrashReport | null;
  /** How the engine of a plan is to be asked. */
  speech(plan: LaunchPlan): Speech;
  /**
   * The command line and the environment for a plan. The environment is complete: nothing else is inherited. Throws
   * Fault('invalid-request') on refused extra arguments.
   */
  command(plan: LaunchPlan): Command;
  /** Reads one line (no line end, at most 16 KiB) of its output. */
  readLog(line: string): LogSignal | null;
  /** Says why it ended. */
  diagnose(ending: Ending, plan: LaunchPlan): CrashReport;
  /** Whether the engine's own health check passes now. Never throws; false on any trouble. */
  isHealthy(baseUrl: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Facts of a ready engine; null when it is healthy but has not loaded its model yet. Rejects when it is not the one
   * that was started by this plan.
   */
  inspect(baseUrl: string, plan: LaunchPlan, signal: AbortSignal): Promise<EngineFacts | null>;
}
