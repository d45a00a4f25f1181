/** Everything that is described, in the order in which it is listed. */
import type { TaggedOperations } from '../operation.ts';
import { ANTHROPIC, OPEN_AI } from './inference.ts';
import { DOWNLOADS, FINDING } from './library.ts';
import { ENGINES, HEALTH, PRESETS, SETTINGS } from './machine.ts';
import { LOADING, MODELS } from './models.ts';
import { LLAMA_SERVER, OLLAMA } from './native.ts';
import { CONVERSATIONS, REQUESTS } from './records.ts';

/** The catalogue. A route of the API that is not in it fails a test, and so does what is in it without a route. */
export const CATALOGUE: readonly TaggedOperations[] = [
  OPEN_AI,
  ANTHROPIC,
  OLLAMA,
  LLAMA_SERVER,
  MODELS,
  LOADING,
  REQUESTS,
  DOWNLOADS,
  FINDING,
  ENGINES,
  PRESETS,
  CONVERSATIONS,
  SETTINGS,
  HEALTH,
];
