/** @jsxImportSource @kitajs/html */
/** The first step: a program that runs models. */
import { ActionButton } from '../parts/button.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Progress } from '../parts/gauge.tsx';
import { percentText } from '../parts/quantity.tsx';
import { Step, type StepState } from './step.tsx';

export type EngineStepData = {
  readonly state: StepState;
  readonly word: string;
  readonly tookMs: number | null;
  /** The engine in use: version, what it computes with, where it is from. */
  readonly facts: readonly string[];
  readonly executable: string | null;
  /** An installation under way. */
  readonly work: { readonly message: string; readonly ratio: number | null } | null;
  /** Why the last installation did not come about. */
  readonly failure: string | null;
  /** Programs that are there and do not work, with why. */
  readonly broken: readonly { readonly name: string; readonly reason: string }[];
  /** Why another engine cannot be used in this run. */
  readonly fixedBy: string | null;
  /** What a person can type instead of clicking. */
  readonly commands: readonly { readonly title: string; readonly text: string }[];
};

export const engineStepId = 'setup-engine';

export function EngineStep({ engine }: { engine: EngineStepData }): JSX.Element {
  const { state, word, tookMs, work, facts, executable, broken, fixedBy } = engine;
  return (
    <Step id={engineStepId} number={1} title="Engine" state={state} word={word} tookMs={tookMs}>
      <p class="step__about">The program that runs models: llama.cpp's llama-server. Flow starts and stops it.</p>
      {facts.length === 0 ? (
        ''
      ) : (
        <p class="step__facts" safe>
          {facts.join(' · ')}
        </p>
      )}
      {executable === null ? (
        ''
      ) : (
        <code class="step__path" safe>
          {executable}
        </code>
      )}
      {work === null ? '' : <Work work={work} />}
      {broken.map(({ name, reason }) => (
        <p class="step__trouble">
          <code safe>{name}</code>
          <span safe>{` is there and does not work: ${reason}`}</span>
        </p>
      ))}
      {fixedBy === null ? (
        ''
      ) : (
        <p class="step__quiet" safe>
          {fixedBy}
        </p>
      )}
      {state === 'done' ? (
        <p class="step__quiet">
          <a href="/settings#engines">All engines, updates and the way back</a>
        </p>
      ) : (
        ''
      )}
      {state === 'done' || work !== null ? '' : <Ways engine={engine} />}
    </Step>
  );
}

function Work({ work }: { work: NonNullable<EngineStepData['work']> }): JSX.Element {
  const { message, ratio } = work;
  return (
    <div class="step__work">
      <p safe>{ratio === null ? message : `${message} ${percentText(ratio)}`}</p>
      <Progress label="Installation of llama.cpp" ratio={ratio} />
      <ActionButton
        action="/setup/engine/cancelling"
        fields={{}}
        label="Cancel"
        description="Cancel the installation of llama.cpp"
      />
    </div>
  );
}

function Ways({ engine: { failure, fixedBy, commands } }: { engine: EngineStepData }): JSX.Element {
  const label = failure === null ? 'Install llama.cpp' : 'Try again';
  return (
    <>
      {failure === null ? (
        ''
      ) : (
        <p class="step__trouble" role="alert" safe>
          {failure}
        </p>
      )}
      {fixedBy === null ? (
        <ActionButton
          action="/setup/engine/installing"
          fields={{}}
          label={label}
          description={failure === null ? label : 'Try again to install llama.cpp'}
          variant="primary"
        />
      ) : (
        ''
      )}
      <details class="step__more">
        <summary>Or get one yourself</summary>
        {commands.map(({ title, text }) => (
          <>
            <p safe>{title}</p>
            <Copyable text={text} label={title} />
          </>
        ))}
      </details>
      <p class="step__quiet">Flow looks again every few seconds: what you install shows here by itself.</p>
    </>
  );
}
