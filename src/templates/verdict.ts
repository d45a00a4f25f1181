/** What a check of a chat template comes to: findings in plain words, and how the template really behaves. */

/**
 * `error`: the model cannot be talked to by this template. `warning`: agents will notice. `note`: worth knowing; Flow
 * or the engine works around it.
 */
export type Severity = 'error' | 'warning' | 'note';

/** Everything that can be found, as a closed list. */
export type FindingKind =
  | 'empty'
  | 'too-large'
  | 'syntax'
  | 'endless'
  | 'memory'
  | 'crashed'
  | 'beyond-the-check'
  | 'question-refused'
  | 'question-lost'
  | 'history-refused'
  | 'history-lost'
  | 'no-generation-prompt'
  | 'system-refused'
  | 'system-dropped'
  | 'second-system-refused'
  | 'second-system-dropped'
  | 'late-system-refused'
  | 'late-system-dropped'
  | 'users-refused'
  | 'users-dropped'
  | 'no-tools'
  | 'tools-refused'
  | 'tool-description-lost'
  | 'tool-parameters-lost'
  | 'tools-outside-turn'
  | 'call-refused'
  | 'call-lost'
  | 'call-other-format'
  | 'call-arguments-quoted'
  | 'result-lost'
  | 'short-ids'
  | 'parallel-calls'
  | 'null-content'
  | 'list-content'
  | 'list-content-only'
  | 'null-calls'
  | 'empty-calls'
  | 'thinking-switch-dead'
  | 'thought-lost-in-calls'
  | 'escaped'
  | 'leading-newlines'
  | 'clock';

export type TemplateFinding = {
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** One sentence for the user. */
  readonly message: string;
  /** What the template said or wrote, shortened; null when there is nothing to quote. Not ours: never markup. */
  readonly detail: string | null;
};

/** What became of something that a conversation has. */
export type Treatment = 'kept' | 'dropped' | 'refused';

/** How the template behaves, seen by rendering it. */
export type TemplateFacts = {
  readonly supportsSystem: boolean;
  readonly supportsTools: boolean;
  readonly supportsParallelCalls: boolean;
  /** It can be told to think or not, or opens a thought, or keeps thoughts that it is given. */
  readonly supportsThinking: boolean;
  /** `enable_thinking` or `thinking` changes the prompt. */
  readonly switchesThinking: boolean;
  /** The prompt ends inside a thought when nobody says anything about thinking. */
  readonly opensThought: boolean;
  /** Whether thoughts of earlier answers, and those before a tool's result, are in the prompt. */
  readonly keepsThoughts: 'never' | 'before-results' | 'always';
  readonly secondSystem: Treatment;
  readonly lateSystem: Treatment;
  readonly consecutiveUsers: Treatment;
  readonly wantsShortCallIds: boolean;
  /** Text must come as a list of parts. */
  readonly wantsListContent: boolean;
  readonly readsListContent: boolean;
};

export type TemplateVerdict = {
  /** Without an `error`. */
  readonly isValid: boolean;
  readonly findings: readonly TemplateFinding[];
  /** null when it could not be rendered at all. */
  readonly facts: TemplateFacts | null;
};

const DETAIL_CHARS_MAX = 300;

/** A finding, its detail cut to what can be shown, without control characters. */
export function found(
  kind: FindingKind,
  severity: Severity,
  message: string,
  detail: string | null = null,
): TemplateFinding {
  const shown = detail?.replace(/[^\P{C}\n]/gu, ' ').trim() ?? '';
  const cut = shown.length > DETAIL_CHARS_MAX ? `${shown.slice(0, DETAIL_CHARS_MAX)}…` : shown;
  return { kind, severity, message, detail: cut === '' ? null : cut };
}

/** The verdict on a template that was never rendered. */
export function hopeless(finding: TemplateFinding): TemplateVerdict {
  return { isValid: finding.severity !== 'error', findings: [finding], facts: null };
}
