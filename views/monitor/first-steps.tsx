/** @jsxImportSource @kitajs/html */
/** What a newcomer does next: ask the demo, add a model, start an agent. Hidden by CSS once a request has ended. */
import { Empty } from '../parts/empty.tsx';

export type FirstStepsProps = {
  readonly hasDemo: boolean;
  /** For example `http://127.0.0.1:3377`. */
  readonly origin: string;
};

export function FirstSteps({ hasDemo, origin }: FirstStepsProps): JSX.Element {
  const json = "-H 'content-type: application/json'";
  const ask = `curl ${origin}/v1/chat/completions ${json} \\
  -d '{"model":"flow-demo","messages":[{"role":"user","content":"Hello"}]}'`;
  const add = 'flow add /path/to/model.gguf';
  const agent = `ANTHROPIC_BASE_URL=${origin} ANTHROPIC_AUTH_TOKEN=flow claude`;
  return (
    <section class="first-steps" aria-label="First steps">
      <Empty title="Waiting for the first request">
        <ol class="steps">
          {hasDemo ? <Step title="Ask the demo model. It loads by itself." code={ask} what="the request" /> : ''}
          <Step
            title="Register a GGUF file, or the folder of an MLX model, where it lies."
            code={add}
            what="the command"
          />
          <Step title="Start an agent on it, Claude Code for example." code={agent} what="the agent's settings" />
        </ol>
      </Empty>
    </section>
  );
}

function Step({ title, code, what }: { title: string; code: string; what: string }): JSX.Element {
  return (
    <li class="steps__one" x-data="copying">
      <p class="steps__title" safe>
        {title}
      </p>
      <div class="steps__code">
        <pre class="steps__text" x-ref="code" tabindex="0" safe>
          {code}
        </pre>
        <button class="button" type="button" x-on:click="copy">
          <span x-text="word">Copy</span>{' '}
          <span class="hidden" safe>
            {what}
          </span>
        </button>
      </div>
    </li>
  );
}
