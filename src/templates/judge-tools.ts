/** Judges how a template treats tools: offered, called, answered. Pure. */
import { formatOfTemplate } from '#src/models/traits/call-format.ts';
import type { CallFormat } from '#src/models/traits.ts';
import { type Case, textOf, treatmentOf, wordsOf } from './seen.ts';
import { WORDS } from './trials.ts';
import { found, type TemplateFacts, type TemplateFinding } from './verdict.ts';

type Judged = {
  readonly findings: readonly TemplateFinding[];
  readonly facts: Pick<TemplateFacts, 'supportsTools' | 'supportsParallelCalls' | 'wantsShortCallIds'>;
};

/** What opens a turn in prompts whose turns have marks. */
const TURN_MARK = /<\|[^<>|\n]{1,40}\|>|<start_of_turn>/g;
/** Descriptions of tools look like these, whatever is taught. */
const UNSURE: readonly CallFormat[] = ['llama-json', 'pythonic', 'other-tags'];
const QUOTED = new RegExp(String.raw`\\"${WORDS.parameter}\\"`);

/** Tools as they are offered, and a call with its result. */
export function judgeTools(subject: Case): Judged {
  const { of } = subject;
  const offered = textOf(of('tools')).includes(WORDS.tool) ? of('tools') : of('tools-alone');
  if (treatmentOf(offered, WORDS.tool) !== 'kept') return withoutTools(subject);
  const wantsShortCallIds = of('call').kind === 'text' && of('call-long-id').kind === 'refused';
  const findings = [...offer(subject, textOf(offered)), ...callAndResult(subject)];
  if (wantsShortCallIds) {
    const says = 'It refuses ids of calls that are not nine letters or digits. Flow gives it such ids.';
    findings.push(found('short-ids', 'note', says, wordsOf(of('call-long-id'))));
  }
  const both = [WORDS.parameterValue, WORDS.secondValue, WORDS.result, WORDS.secondResult];
  const supportsParallelCalls = treatmentOf(of('calls'), ...both) === 'kept';
  if (!supportsParallelCalls) {
    findings.push(found('parallel-calls', 'note', 'Of two calls at once not both are kept.', wordsOf(of('calls'))));
  }
  return { findings, facts: { supportsTools: true, supportsParallelCalls, wantsShortCallIds } };
}

function withoutTools({ of }: Case): Judged {
  const { kind } = of('tools-alone');
  const finding =
    kind === 'text'
      ? found(
          'no-tools',
          'note',
          'It shows the model no tools, so agents can use them only where the engine adds words of its own.',
        )
      : found('tools-refused', 'warning', 'It does not render a question with tools.', wordsOf(of('tools-alone')));
  return {
    findings: [finding],
    facts: { supportsTools: false, supportsParallelCalls: false, wantsShortCallIds: false },
  };
}

function offer({ of }: Case, prompt: string): TemplateFinding[] {
  const findings: TemplateFinding[] = [];
  if (!prompt.includes(WORDS.toolDescription)) {
    findings.push(found('tool-description-lost', 'warning', 'Descriptions of tools are not in the prompt.'));
  }
  if (!prompt.includes(WORDS.parameter)) {
    findings.push(found('tool-parameters-lost', 'warning', 'Parameters of tools are not in the prompt.'));
  }
  const mark = textOf(of('question')).split(WORDS.user)[0]?.match(TURN_MARK)?.at(-1);
  const isFirst = (text: string, word: string): boolean =>
    mark !== undefined && text.split(word)[0]?.includes(mark) === true;
  // Some families have their system text before all turns; then tools may stand there too.
  if (isFirst(textOf(of('system')), WORDS.system) && treatmentOf(of('tools-alone'), WORDS.tool) === 'kept') {
    const prompt = textOf(of('tools-alone'));
    if (!isFirst(prompt, WORDS.tool)) {
      const says = 'Without a system message the tools stand before the first turn, where the model never saw any.';
      findings.push(found('tools-outside-turn', 'warning', says, prompt));
    }
  }
  return findings;
}

function callAndResult(subject: Case): readonly TemplateFinding[] {
  const { of } = subject;
  // Some want the arguments as an object, some as text; engines and Flow know both.
  const outcome = [of('call'), of('call-as-text')].find((one) => repeatsCall(textOf(one))) ?? of('call');
  const text = textOf(outcome);
  const nulled = of('call-null-content');
  const findings: TemplateFinding[] = [];
  if (outcome.kind !== 'text') {
    return [found('call-refused', 'warning', 'It does not render a call and its result.', outcome.message)];
  }
  if (!repeatsCall(text)) {
    const says = 'A call that the model made is not repeated to it, so it may make it again.';
    findings.push(found('call-lost', 'warning', says));
  } else findings.push(...otherFormat(subject, text));
  if (!text.includes(WORDS.result)) {
    findings.push(found('result-lost', 'warning', 'Results of tools are not in the prompt.'));
  }
  if (QUOTED.test(textOf(of('call-as-text')))) {
    const says = 'Arguments that come as text are quoted once more, where the engine does not make objects of them.';
    findings.push(found('call-arguments-quoted', 'note', says));
  }
  if (of('call').kind === 'text' && (nulled.kind !== 'text' || saysNothing(nulled.text, text))) {
    const says = 'Null beside a call is not read as no text. Flow puts an empty text in its place.';
    findings.push(found('null-content', 'note', says, wordsOf(nulled)));
  }
  return findings;
}

/** Between the question and the result stand the tool's name and what it was called with. */
function repeatsCall(text: string): boolean {
  const called = callIn(text);
  return called.includes(WORDS.tool) && called.includes(WORDS.parameterValue);
}

function callIn(text: string): string {
  const from = text.indexOf(WORDS.user);
  const to = text.indexOf(WORDS.result, from);
  return from < 0 ? '' : text.slice(from, to < 0 ? undefined : to);
}

function otherFormat({ of, callFormat }: Case, text: string): readonly TemplateFinding[] {
  const written = formatIn(callIn(text));
  const taught = formatIn(textOf(of('tools')).replaceAll(WORDS.tool, ''));
  if (written === null) return [];
  if (taught !== null && !UNSURE.includes(taught) && taught !== written) {
    const says = `It teaches the model to call as ${taught}, but repeats its calls as ${written}.`;
    return [found('call-other-format', 'warning', says, callIn(text))];
  }
  if (callFormat === null || callFormat === written || written === 'other-tags') return [];
  const says = `It writes calls as ${written}, while this model's family was trained on ${callFormat}.`;
  return [found('call-other-format', 'warning', says, callIn(text))];
}

/** The format by its marks; a prompt that shows tools need not have the word. */
function formatIn(text: string): CallFormat | null {
  return formatOfTemplate(`tools\n${text}`);
}

/** `None` or `null` stands where an empty text would not. */
function saysNothing(withNull: string, withEmpty: string): boolean {
  const count = (text: string): number => text.match(/\b(?:None|null)\b/g)?.length ?? 0;
  return count(withNull) > count(withEmpty);
}
