/** @jsxImportSource @kitajs/html */
/** `/setup`: from nothing to the first answer in three steps. */
import { PageHead } from '../parts/page-head.tsx';
import { ConnectStep, type ConnectStepData } from './connect-step.tsx';
import { EngineStep, type EngineStepData } from './engine-step.tsx';
import { ModelStep, type ModelStepData } from './model-step.tsx';

export type SetUpData = {
  readonly engine: EngineStepData;
  readonly model: ModelStepData;
  readonly connect: ConnectStepData;
  /** How long each step took, in words; '' while nothing was measured. */
  readonly times: string;
};

export const timesId = 'setup-times';

export function SetUpPage({ setUp }: { setUp: SetUpData }): JSX.Element {
  return (
    <div class="setup">
      <PageHead title="Set-up">
        <Times times={setUp.times} />
        <a class="button button--quiet" href="/">
          To the Monitor
        </a>
      </PageHead>
      <ol class="setup__steps">
        <EngineStep engine={setUp.engine} />
        <ModelStep model={setUp.model} />
        <ConnectStep connect={setUp.connect} />
      </ol>
    </div>
  );
}

export function Times({ times }: { times: string }): JSX.Element {
  return (
    <p class="setup__times" id={timesId} safe>
      {times}
    </p>
  );
}
