/** All agents that Flow can set up, in the order in which they are listed. */
import { Fault } from '#src/faults.ts';
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

/** The agent of that name. Throws Fault('not-found') that lists those there are. */
export function agentNamed(name: string): Agent {
  const agent = AGENTS.find((one) => one.name === name);
  if (agent) return agent;
  const names = AGENTS.map((one) => one.name).join(', ');
  throw new Fault('not-found', `Flow knows no agent "${name}".`, { hint: `It knows ${names}.` });
}
