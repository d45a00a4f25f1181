/** Judges a template by what its trials gave. Pure. */
import { judgeThoughts } from './judge-thoughts.ts';
import { judgeTools } from './judge-tools.ts';
import { type Case, textOf, treatmentOf, wordsOf } from './seen.ts';
import { type TrialName, WORDS } from './trials.ts';
import {
  type FindingKind,
  found,
  hopeless,
  type Severity,
  type TemplateFinding,
  type TemplateVerdict,
} from './verdict.ts';

/** Messages of the checker's own Jinja about what it does not know; other engines may know it. */
const BEYOND = /^Unknown (?:\w+ )?(?:filter|test|variable|statement|operator)|^Cannot convert/;
const TURN_ENDS = /(?:<\|im_end\|>|<\|eot_id\|>|<end_of_turn>|<\|end\|>|<turn\|>)\s*$/;
const ENTITIES = /&(?:lt|gt|amp|quot|apos|#\d{2,3});|\\u003[ce]/i;
const MINUTES = /strftime_now\(\s*(['"])(?:(?!\1)[^%\n]|%[^HIMSfsTXcr])*%[HIMSfsTXcr]/;
const AROUND_CHARS = 40;

/** Gives the verdict: the same case gives the same one. */
export function judge(subject: Case): TemplateVerdict {
  const { of, isListed } = subject;
  const question = of('question');
  if (question.kind === 'failed' && BEYOND.test(question.message)) {
    const says = "It uses something that Flow's check does not know, so it was not tried; the engine may know it.";
    return hopeless(found('beyond-the-check', 'warning', says, question.message));
  }
  if (question.kind !== 'text') {
    return hopeless(found('question-refused', 'error', 'It does not render a plain question.', question.message));
  }
  if (!question.text.includes(WORDS.user)) {
    return hopeless(found('question-lost', 'error', "The user's words are not in the prompt.", question.text));
  }
  const tools = judgeTools(subject);
  const thoughts = judgeThoughts(subject);
  const findings = [
    ...(isListed
      ? [found('list-content-only', 'note', 'Texts must come as lists of parts; plain ones are lost.')]
      : []),
    ...shape(subject),
    ...roles(subject),
    ...tools.findings,
    ...thoughts.findings,
    ...contents(subject),
  ];
  return {
    isValid: !findings.some(({ severity }) => severity === 'error'),
    findings,
    facts: {
      supportsSystem: treatmentOf(of('system'), WORDS.system, WORDS.user) === 'kept',
      ...tools.facts,
      ...thoughts.facts,
      secondSystem: treatmentOf(of('second-system'), WORDS.secondSystem),
      lateSystem: treatmentOf(of('late-system'), WORDS.secondSystem),
      consecutiveUsers: treatmentOf(of('users'), WORDS.user, WORDS.secondUser),
      wantsListContent: isListed,
      readsListContent: treatmentOf(of('list-content'), WORDS.user) === 'kept' && !isQuotedList(subject),
    },
  };
}

/** Where a prompt begins and ends, and what else would be wrong with any. */
function shape({ of, template, tokens, joinsMarkup }: Case): readonly TemplateFinding[] {
  const findings: TemplateFinding[] = [];
  const prompt = textOf(of('question'));
  const start = prompt.startsWith(tokens.begin) ? prompt.slice(tokens.begin.length) : prompt;
  if (/^[^\S\n]*\n/.test(start)) {
    findings.push(found('leading-newlines', 'note', 'The prompt begins with empty lines that the model never saw.'));
  }
  const isSame = of('question-only').kind === 'text' && textOf(of('question-only')) === prompt;
  const isOpen = prompt.trimEnd().endsWith(WORDS.user) || TURN_ENDS.test(prompt) || prompt.endsWith(tokens.end);
  if (isSame && isOpen) {
    const says = 'Nothing tells the model that its turn begins, so it may go on in the words of the user.';
    findings.push(found('no-generation-prompt', 'warning', says, prompt.slice(-AROUND_CHARS)));
  }
  const names: readonly TrialName[] = ['marked', 'tools', 'call', 'system'];
  const escaped = names.map((name) => aroundEntity(textOf(of(name)))).find((around) => around !== null);
  if (escaped) {
    const says = 'Text is escaped as for HTML, so the model reads, and learns to write, `&lt;` for `<`.';
    findings.push(found('escaped', 'warning', says, escaped));
  } else if (joinsMarkup) {
    const says =
      'It joins text marked `safe` with its own, which Python (MLX engines) then escapes to `&lt;tool_call&gt;`.';
    findings.push(found('escaped', 'warning', says));
  }
  if (MINUTES.test(template)) {
    const says = 'The time of day is in the prompt, so that it differs in each request and is read anew every time.';
    findings.push(found('clock', 'warning', says));
  }
  return findings;
}

function aroundEntity(text: string): string | null {
  const at = text.search(ENTITIES);
  return at < 0 ? null : text.slice(Math.max(0, at - AROUND_CHARS), at + AROUND_CHARS);
}

type RoleCase = {
  readonly trial: TrialName;
  readonly words: readonly string[];
  readonly refused: readonly [FindingKind, Severity, string];
  readonly dropped: readonly [FindingKind, Severity, string];
};

const FOLDED = 'Flow hands it on within the words of the user.';
const ROLES: readonly RoleCase[] = [
  {
    trial: 'history',
    words: [WORDS.user, WORDS.answer, WORDS.secondUser],
    refused: ['history-refused', 'error', 'It does not render a second question after an answer.'],
    dropped: ['history-lost', 'error', 'Earlier turns are not in the prompt, so the model forgets them.'],
  },
  {
    trial: 'system',
    words: [WORDS.system, WORDS.user],
    refused: [
      'system-refused',
      'warning',
      'A system message is refused; llama-server puts it into the first question.',
    ],
    dropped: ['system-dropped', 'warning', 'A system message is left out, so agents lose their instructions.'],
  },
  {
    trial: 'second-system',
    words: [WORDS.secondSystem],
    refused: ['second-system-refused', 'note', 'A second system message is refused. Flow joins them into one.'],
    dropped: ['second-system-dropped', 'note', 'A second system message is left out. Flow joins them into one.'],
  },
  {
    trial: 'late-system',
    words: [WORDS.secondSystem],
    refused: ['late-system-refused', 'note', `A system message later in the conversation is refused. ${FOLDED}`],
    dropped: ['late-system-dropped', 'note', `A system message later in the conversation is left out. ${FOLDED}`],
  },
  {
    trial: 'users',
    words: [WORDS.user, WORDS.secondUser],
    refused: ['users-refused', 'note', 'Two user messages in a row are refused. Flow joins them into one.'],
    dropped: ['users-dropped', 'note', 'Of two user messages in a row one is left out. Flow joins them into one.'],
  },
];

function roles({ of }: Case): readonly TemplateFinding[] {
  const isWithoutSystem = treatmentOf(of('system'), WORDS.system) !== 'kept';
  return ROLES.flatMap(({ trial, words, refused, dropped }) => {
    // Where there is no system message at all, a second one goes without saying.
    if (isWithoutSystem && trial.endsWith('-system')) return [];
    const outcome = of(trial);
    const treatment = treatmentOf(outcome, ...words);
    if (treatment === 'kept') return [];
    const finding = treatment === 'refused' ? refused : dropped;
    return [found(finding[0], finding[1], finding[2], wordsOf(outcome))];
  });
}

/** Forms of content that clients send, and that Flow puts in order before. */
function contents(subject: Case): readonly TemplateFinding[] {
  const { of, isListed } = subject;
  const findings: TemplateFinding[] = [];
  const fixed = 'Flow puts it in order.';
  const list = of('list-content');
  if (!isListed && (treatmentOf(list, WORDS.user) !== 'kept' || isQuotedList(subject))) {
    const says = `Text as a list of parts is not read as text. ${fixed}`;
    findings.push(found('list-content', 'note', says, wordsOf(list)));
  }
  const whole = [WORDS.user, WORDS.answer, WORDS.secondUser];
  if (treatmentOf(of('history'), ...whole) !== 'kept') return findings;
  if (treatmentOf(of('null-calls'), ...whole) !== 'kept') {
    const says = `An answer whose tool_calls are null cannot be repeated to the model. ${fixed}`;
    findings.push(found('null-calls', 'note', says, wordsOf(of('null-calls'))));
  }
  if (treatmentOf(of('empty-calls'), ...whole) !== 'kept') {
    const says = `An answer with an empty list of tool calls cannot be repeated to the model. ${fixed}`;
    findings.push(found('empty-calls', 'note', says, wordsOf(of('empty-calls'))));
  }
  return findings;
}

/** The list stands in the prompt as code. */
function isQuotedList({ of }: Case): boolean {
  return /["']text["']\s*:/.test(textOf(of('list-content')));
}
