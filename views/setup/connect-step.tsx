/** @jsxImportSource @kitajs/html */
/** The third step: an agent that asks, and its first answer. */
import { Badge } from '../parts/badge.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { domKey } from '../parts/dom-key.ts';
import { Step, type StepState } from './step.tsx';

export type AgentData = {
  readonly name: string;
  readonly title: string;
  /** Its program is on this machine. */
  readonly isInstalled: boolean;
  /** `flow connect` has set it up. */
  readonly isConnected: boolean;
  readonly connect: string;
};

export type ConnectStepData = {
  readonly state: StepState;
  readonly word: string;
  readonly tookMs: number | null;
  /** The model that agents are told of; null = there is none yet. */
  readonly modelId: string | null;
  /** Those on this machine first. */
  readonly agents: readonly AgentData[];
  /** What is known of the first answer, as one sentence. */
  readonly says: string;
};

export const connectStepId = 'setup-connect';
export const answerId = 'setup-answer';

export function ConnectStep({ connect }: { connect: ConnectStepData }): JSX.Element {
  const { state, word, tookMs, modelId, agents, says } = connect;
  return (
    <Step id={connectStepId} number={3} title="Connect" state={state} word={word} tookMs={tookMs}>
      <p class="step__about">
        Pick your agent and run its command: it writes the settings, and <code>--undo</code> takes them back.
      </p>
      <p class="step__answer" id={answerId} role="status" data-state={state} safe>
        {says}
      </p>
      {modelId === null ? (
        <p class="step__quiet">The commands appear here once there is a model.</p>
      ) : (
        <ul class="step__agents">
          {agents.map((agent, index) => (
            <Agent agent={agent} modelId={modelId} isFirst={index === 0} />
          ))}
        </ul>
      )}
      <p class="step__quiet">
        No agent at hand? <a href="/chat">Ask in the Chat</a>.
      </p>
    </Step>
  );
}

/** What is open stays open, and what was just copied says so: neither is any business of a live update. */
function Agent(props: { agent: AgentData; modelId: string; isFirst: boolean }): JSX.Element {
  const { agent, modelId, isFirst } = props;
  const { name, title, isInstalled, isConnected, connect } = agent;
  return (
    <li>
      <details
        class="step__agent"
        name="setup-agent"
        id={`setup-agent-${domKey(name)}`}
        {...(isFirst ? { open: true } : {})}
      >
        <summary>
          <span class="step__agent-name" safe>
            {title}
          </span>
          {isConnected ? (
            <Badge icon="done" word="connected" tone="live" />
          ) : isInstalled ? (
            <Badge icon="idle" word="on this computer" tone="quiet" />
          ) : (
            ''
          )}
        </summary>
        <div id={`setup-agent-${domKey(name)}-${domKey(modelId)}`} hx-morph-skip="true">
          <Copyable text={connect} label={`command that sets up ${title}`} />
          <p class="step__quiet">
            <a href={`/models/agent?${new URLSearchParams({ model: modelId, agent: name }).toString()}`}>
              Or write it by hand
            </a>
          </p>
        </div>
      </details>
    </li>
  );
}
