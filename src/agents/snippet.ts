/** What connecting an agent would write, for those who write it themselves: the dashboard, and `--print`. */
import type { Agent, AgentFacts } from './agent.ts';
import { edited } from './edit.ts';

/** Stands where a key belongs that is not shown: whoever copies the text puts it in. */
export const KEY_TO_PUT_IN = 'YOUR-FLOW-KEY';

/** A plan as text. Paths begin with `~` when the facts' home is that. */
export type Snippet = {
  readonly agent: string;
  readonly title: string;
  readonly files: readonly { readonly path: string; readonly format: string; readonly text: string }[];
  readonly command: string;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
};

/** The files as they would be on a machine where the agent has none yet. */
export function snippetOf(agent: Agent, facts: AgentFacts): Snippet {
  const { edits, command, warnings, notes } = agent.plan(facts, () => false);
  const files = edits.map((edit) => ({ path: edit.path, format: edit.format, text: edited(edit, '') }));
  return { agent: agent.name, title: agent.title, files, command, warnings, notes };
}
