/** All agents that Flow can set up, in the order in which they are listed. */
import { Fault } from '#src/faults.ts';
import { editDistance } from '#src/models/distance.ts';
import type { Agent } from './agent.ts';
import { aider } from './aider.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import { continuing } from './continue.ts';
import { hermes } from './hermes.ts';
import { openclaw } from './openclaw.ts';
import { opencode } from './opencode.ts';
import { pi } from './pi.ts';
import { qwen } from './qwen.ts';

export const AGENTS: readonly Agent[] = [claude, codex, opencode, openclaw, hermes, pi, qwen, continuing, aider];

/** More edits than this, and another agent is meant. */
const EDITS_MAX = 3;
const NAME_CHARACTERS_MAX = 60;

/**
 * The agent of that name, by the word that Flow has for it, its title or its program, case ignored. Throws
 * Fault('not-found') with the nearest and a list of those there are.
 */
export function agentNamed(name: string): Agent {
  const key = keyOf(name);
  const agent = AGENTS.find((one) => namesOf(one).includes(key));
  if (agent) return agent;
  const distance = (one: Agent): number => Math.min(...namesOf(one).map((known) => editDistance(key, known)));
  const [nearest] = [...AGENTS].sort((one, other) => distance(one) - distance(other));
  const isNear = nearest && distance(nearest) <= Math.min(EDITS_MAX, Math.floor(key.length / 2));
  const names = AGENTS.map((one) => one.name).join(', ');
  const suggestion = isNear ? `; the nearest is "${nearest.name}"` : '';
  throw new Fault('not-found', `Flow knows no agent "${name.slice(0, NAME_CHARACTERS_MAX)}"${suggestion}.`, {
    hint: `It knows ${names}.`,
  });
}

function namesOf({ name, title, program }: Agent): string[] {
  return [name, keyOf(title), program];
}

/** As people write it on a command line: `claude-code` for Claude Code. */
function keyOf(name: string): string {
  return name
    .slice(0, NAME_CHARACTERS_MAX)
    .trim()
    .toLowerCase()
    .replace(/[\s_]+/g, '-');
}
