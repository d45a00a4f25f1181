/** @jsxImportSource @kitajs/html */
/** Why a model did not start or ended by itself, with the lines that say so; it stays until the model is well. */
import { Badge } from '../parts/badge.tsx';
import { domKey } from '../parts/dom-key.ts';

export type CrashData = {
  readonly modelId: string;
  readonly message: string;
  readonly hint: string | null;
  readonly lines: readonly string[];
};

export const crashesId = 'log-crashes';

export function Crashes({ crashes }: { crashes: readonly CrashData[] }): JSX.Element {
  return (
    <div class="crashes" id={crashesId}>
      {crashes.map((crash) => (
        <section class="crash" id={`crash-${domKey(crash.modelId)}`} aria-label={`${crash.modelId} failed`}>
          <p class="crash__head">
            <Badge icon="failed" word="failed" tone="danger" />
            <a href={`/logs?source=${encodeURIComponent(crash.modelId)}`} safe>
              {crash.modelId}
            </a>
            <span class="crash__message" safe>
              {crash.message}
            </span>
          </p>
          {crash.hint === null ? (
            ''
          ) : (
            <p class="crash__hint" safe>
              {crash.hint}
            </p>
          )}
          {crash.lines.length === 0 ? (
            ''
          ) : (
            <details>
              <summary>Its last lines</summary>
              <pre safe>{crash.lines.join('\n')}</pre>
            </details>
          )}
        </section>
      ))}
    </div>
  );
}
