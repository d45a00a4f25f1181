/** @jsxImportSource @kitajs/html */
/** How each coding agent is set up: whether it is, the one command, and what that would write. */
import { Badge } from '#views/parts/badge.tsx';
import { Copyable } from '#views/parts/copyable.tsx';
import { domKey } from '#views/parts/dom-key.ts';
import { PageHead } from '#views/parts/page-head.tsx';
import { loadsFrom } from '#views/parts/posting.ts';

export type AgentRowData = {
  readonly name: string;
  readonly title: string;
  /** Whether its program is on this machine. */
  readonly isInstalled: boolean;
  /** The model that `flow connect` has set it up with; null = it has not. */
  readonly model: string | null;
};

export type AgentSetUpData = {
  readonly name: string;
  readonly title: string;
  readonly connect: string;
  readonly command: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
};

export const agentsId = 'settings-agents';
export const agentSetUpId = (name: string): string => `agent-set-up-${domKey(name)}`;

export function Agents({ agents }: { agents: readonly AgentRowData[] }): JSX.Element {
  return (
    <ul class="settings-panel agents" id={agentsId}>
      {agents.map((agent) => (
        <Agent agent={agent} />
      ))}
    </ul>
  );
}

function Agent({ agent }: { agent: AgentRowData }): JSX.Element {
  const { name, title, isInstalled, model } = agent;
  const target = agentSetUpId(name);
  return (
    <li class="agent">
      <div class="agent__head">
        <span class="agent__title" safe>
          {title}
        </span>
        {model === null ? (
          <Badge icon="idle" word={isInstalled ? 'not connected' : 'not on this computer'} tone="quiet" />
        ) : (
          <Badge icon="done" word="connected" tone="live" />
        )}
        {model === null ? (
          ''
        ) : (
          <span class="agent__model" safe>
            {model}
          </span>
        )}
        <a
          class="button agent__open"
          href={`/settings/agents/${name}`}
          {...loadsFrom(`/settings/agents/${name}`, { target, swap: 'innerHTML' })}
          aria-label={`Set-up of ${title}`}
        >
          Set-up
        </a>
      </div>
      <div class="agent__set-up" id={target} hx-morph-skip="true" />
    </li>
  );
}

/** The set-up alone, for who has no scripts. */
export function AgentPage({ setUp }: { setUp: AgentSetUpData }): JSX.Element {
  return (
    <div class="settings">
      <PageHead title={`Set-up of ${setUp.title}`}>
        <a class="button" href="/settings#agents">
          All agents
        </a>
      </PageHead>
      <AgentSetUp setUp={setUp} />
    </div>
  );
}

/** What to do, and what that does. */
export function AgentSetUp({ setUp }: { setUp: AgentSetUpData }): JSX.Element {
  const { title, connect, command, files, warnings, notes } = setUp;
  return (
    <div class="agent-set-up">
      <p>One command sets it up, and `--undo` takes that back:</p>
      <Copyable text={connect} label={`command that sets up ${title}`} />
      {warnings.map((warning) => (
        <p class="field__locked" safe>
          {warning}
        </p>
      ))}
      <details class="agent-set-up__by-hand">
        <summary>By hand</summary>
        {files.map(({ path, text }) => (
          <>
            <p>
              <code safe>{path}</code>
            </p>
            <Copyable text={text} label={`settings of ${title} in ${path}`} />
          </>
        ))}
        <p>Then start it:</p>
        <Copyable text={command} label={`command that starts ${title}`} />
      </details>
      {notes.map((note) => (
        <p class="field__effect" safe>
          {note}
        </p>
      ))}
    </div>
  );
}
