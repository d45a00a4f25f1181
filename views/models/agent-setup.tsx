/** @jsxImportSource @kitajs/html */
/** How an agent is told to use a model: one command that does it, or the text to put in by hand. */
import { Copyable } from '../parts/copyable.tsx';
import { SelectField } from '../parts/field.tsx';
import { loadsFrom } from '../parts/posting.ts';
import { agentSetupId } from './settings-drawer.tsx';

export type AgentSetupData = {
  readonly modelId: string;
  readonly agents: readonly { readonly name: string; readonly title: string }[];
  readonly agent: string;
  readonly connect: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly command: string;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
};

export function AgentSetup({ setup }: { setup: AgentSetupData }): JSX.Element {
  const choices = setup.agents.map(({ name, title }) => ({ value: name, label: title }));
  const loading = loadsFrom('/models/agent', { target: agentSetupId, swap: 'innerHTML' });
  return (
    <>
      <form class="settings" method="get" action="/models/agent" {...loading} hx-trigger="change">
        <input type="hidden" name="model" value={setup.modelId} />
        <SelectField id="agent-choice" name="agent" label="Agent" value={setup.agent} choices={choices} />
        <noscript>
          <button class="button" type="submit">
            Show
          </button>
        </noscript>
      </form>
      <p>One command writes it, and can take it back:</p>
      <Copyable text={setup.connect} label="the command that connects it" />
      {setup.warnings.length === 0 ? (
        ''
      ) : (
        <ul class="outlook__warnings">
          {setup.warnings.map((warning) => (
            <li safe>{warning}</li>
          ))}
        </ul>
      )}
      {setup.files.map(({ path, text }) => (
        <>
          <p safe>{`Or by hand, in ${path}:`}</p>
          <Copyable text={text} label={path} />
        </>
      ))}
      <p>Then start it:</p>
      <Copyable text={setup.command} label="how it is started" />
      {setup.notes.map((note) => (
        <p class="outlook__quiet" safe>
          {note}
        </p>
      ))}
    </>
  );
}
