/**
 * Tool-call ids on the way out and back. Anthropic's begin with `toolu_`, and clients may check; the engine must meet
 * its own id again, because some templates render it and a changed id costs the prefix cache.
 */
const PREFIX = 'toolu_';

/** The engine's id as clients see it. */
export function toolUseId(engineId: string): string {
  return PREFIX + engineId;
}

/** The engine's id again; ids without the prefix (written by other servers, or by hand) are taken as they are. */
export function engineToolId(toolUseId: string): string {
  return toolUseId.startsWith(PREFIX) ? toolUseId.slice(PREFIX.length) : toolUseId;
}
