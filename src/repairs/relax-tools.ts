/** Tool schemas as an engine's grammar can take them. Pure. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import type { Json } from '#src/json.ts';

/** Tools for the engine, and what was relaxed in them. */
export type Relaxed = {
  /** The same object when nothing had to be relaxed. */
  readonly tools: readonly ChatTool[];
  /** The original schemas of those tools that were relaxed, by name. */
  readonly originals: ReadonlyMap<string, Json>;
  /** One short entry each, for the header: `edit.path: pattern`. */
  readonly relaxations: readonly string[];
};

/** Relaxes what llama.cpp's grammar refuses or takes wrongly. */
export function relaxTools(tools: readonly ChatTool[]): Relaxed {
  return { tools, originals: new Map(), relaxations: [] };
}
