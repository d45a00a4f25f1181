/** @jsxImportSource @kitajs/html */
/** What was found in a model's chat template, in words, and the template itself. */
import { Badge, type Tone } from '../parts/badge.tsx';
import { Copyable } from '../parts/copyable.tsx';
import type { IconName } from '../parts/icon.tsx';

export type TemplateReportData = {
  readonly isValid: boolean;
  /** Where it stands: a file, or the model's own. */
  readonly source: string;
  readonly findings: readonly {
    readonly severity: 'error' | 'warning' | 'note';
    readonly message: string;
    readonly detail: string | null;
  }[];
  /** How it behaves, a sentence each. */
  readonly facts: readonly string[];
  readonly text: string;
  /** Others that the model has and that are not used. */
  readonly others: readonly string[];
};

const SEVERITIES: Readonly<Record<'error' | 'warning' | 'note', { word: string; icon: IconName; tone: Tone }>> = {
  error: { word: 'error', icon: 'failed', tone: 'danger' },
  warning: { word: 'warning', icon: 'failed', tone: 'waiting' },
  note: { word: 'note', icon: 'idle', tone: 'quiet' },
};

export function TemplateReport({ report }: { report: TemplateReportData }): JSX.Element {
  const { isValid, findings, facts, text, others } = report;
  return (
    <>
      <p class="outlook__head">
        <Badge
          icon={isValid ? 'done' : 'failed'}
          word={isValid ? 'can be talked to' : 'cannot be talked to'}
          tone={isValid ? 'live' : 'danger'}
        />
        <span class="outlook__quiet" safe>
          {report.source}
        </span>
      </p>
      {findings.length === 0 ? <p>Nothing to complain about.</p> : ''}
      <ul class="report">
        {findings.map((finding) => (
          <li class="report__finding">
            <Badge {...SEVERITIES[finding.severity]} />
            <span safe>{finding.message}</span>
            {finding.detail === null ? '' : <code safe>{finding.detail}</code>}
          </li>
        ))}
      </ul>
      <ul class="report">
        {facts.map((fact) => (
          <li safe>{fact}</li>
        ))}
      </ul>
      {others.length === 0 ? '' : <p class="outlook__quiet" safe>{`Also in the model: ${others.join(', ')}.`}</p>}
      <details class="outlook__command">
        <summary>The template</summary>
        <Copyable text={text} label="the template" />
      </details>
    </>
  );
}
