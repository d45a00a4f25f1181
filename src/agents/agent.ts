/** A coding agent: where it keeps its settings, and what must stand there for it to use a model of Flow's. */
import type { Environment } from '#src/config.ts';
import type { Capabilities, ModelId } from '#src/models/model.ts';
import type { Edit } from './edit.ts';

/** What a plan is made from. */
export type AgentFacts = {
  /** Where Flow answers, without `/v1` and without a slash at the end. */
  readonly baseUrl: string;
  /** The key that Flow asks for; null when it asks for none. */
  readonly apiKey: string | null;
  readonly modelId: ModelId;
  readonly modelName: string;
  /** The context of one conversation: what it is loaded with, else what it would be loaded with. */
  readonly contextTokens: number;
  readonly capabilities: Capabilities;
  /** The user's home, absolute. */
  readonly home: string;
  /** Some agents are told by a variable where their settings are. */
  readonly environment: Environment;
};

/** What connecting an agent means: files to change, and what to tell. */
export type Plan = {
  readonly edits: readonly Edit[];
  /** What may go wrong as things are, with what helps. */
  readonly warnings: readonly string[];
  /** What is good to know, one line each. */
  readonly notes: readonly string[];
  /** How to start it, as one would type it. */
  readonly command: string;
};

/** A coding agent. */
export interface Agent {
  /** The word after `flow connect`. */
  readonly name: string;
  readonly title: string;
  /** The program that is looked for on the PATH. */
  readonly program: string;
  /** Tokens of its own prompt and tools, before a word of the user's; measured on its recorded requests. */
  readonly promptTokens: number;
  /** The files it reads of those that Flow would change, absolute; `exists` tells which of several are there. */
  plan(facts: AgentFacts, exists: (path: string) => boolean): Plan;
}
