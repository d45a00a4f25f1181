/** @jsxImportSource @kitajs/html */
/** What a newcomer does next: the guide, or a question to the demo. Hidden by CSS once a request is there. */
import { ActionButton } from '../parts/button.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Empty } from '../parts/empty.tsx';

export const firstStepsId = 'first-steps';

export type FirstStepsProps = {
  /** False once something was answered here, or nobody wants to be led: then only its place is kept. */
  readonly isShown: boolean;
  readonly hasDemo: boolean;
  /** For example `http://127.0.0.1:3377`. */
  readonly origin: string;
};

export function FirstSteps({ isShown, hasDemo, origin }: FirstStepsProps): JSX.Element {
  return (
    <section class="first-steps" id={firstStepsId} aria-label="First steps">
      {isShown ? <Ways hasDemo={hasDemo} origin={origin} /> : ''}
    </section>
  );
}

function Ways({ hasDemo, origin }: Omit<FirstStepsProps, 'isShown'>): JSX.Element {
  const json = "-H 'content-type: application/json'";
  const ask = `curl ${origin}/v1/chat/completions ${json} \\
  -d '{"model":"flow-demo","messages":[{"role":"user","content":"Hello"}]}'`;
  return (
    <Empty title="Nothing has been asked yet">
      <p>Three steps lead to the first answer: an engine, a model, your agent. Flow gets each with one click.</p>
      <div class="first-steps__ways">
        <a class="button button--primary" href="/setup">
          Set up Flow
        </a>
        <ActionButton
          action="/setup/skipping"
          fields={{ skipped: 'yes' }}
          label="Not now"
          description="Not now: show the Monitor without the way to the set-up"
          variant="quiet"
        />
      </div>
      {hasDemo ? (
        <details class="first-steps__demo">
          <summary>Or ask the demo from a terminal; it loads by itself</summary>
          <Copyable text={ask} label="a request to the demo" />
        </details>
      ) : (
        ''
      )}
    </Empty>
  );
}
