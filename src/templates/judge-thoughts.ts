/** Judges how a template treats thoughts. Pure. */
import { codeIn } from '#src/models/traits/template-text.ts';
import { type Case, textOf } from './seen.ts';
import { WORDS } from './trials.ts';
import { found, type TemplateFacts, type TemplateFinding } from './verdict.ts';

type Judged = {
  readonly findings: readonly TemplateFinding[];
  readonly facts: Pick<TemplateFacts, 'supportsThinking' | 'switchesThinking' | 'opensThought' | 'keepsThoughts'>;
};

const OPENED = /(?:<(?:seed:|mm:)?think(?:ing)?(?::opensource)?>|\[THINK\])\s*$/;
const SWITCH = /\benable_thinking\b/;

/** Whether thinking can be switched, where a thought begins, and which thoughts stay. */
export function judgeThoughts({ of, template }: Case): Judged {
  const [on, off] = [of('thinking-on'), of('thinking-off')];
  const switchesThinking = on.kind === 'text' && off.kind === 'text' && on.text !== off.text;
  const opensThought = OPENED.test(textOf(of('question')));
  const keepsThoughts = keeps(textOf(of('thought')), textOf(of('thought-call')));
  const supportsThinking = switchesThinking || opensThought || keepsThoughts !== 'never';
  const findings: TemplateFinding[] = [];
  if (!switchesThinking && SWITCH.test(codeIn(template))) {
    const says = 'It reads `enable_thinking`, but the prompt is the same with and without it.';
    findings.push(found('thinking-switch-dead', 'warning', says));
  }
  if (supportsThinking && keepsThoughts === 'never' && of('call').kind === 'text') {
    const says = 'What the model thought before it called a tool is gone when the result comes, so it thinks it again.';
    findings.push(found('thought-lost-in-calls', 'note', says));
  }
  return { findings, facts: { supportsThinking, switchesThinking, opensThought, keepsThoughts } };
}

function keeps(afterAnswer: string, beforeResult: string): TemplateFacts['keepsThoughts'] {
  if (afterAnswer.includes(WORDS.thought)) return 'always';
  return beforeResult.includes(WORDS.thought) ? 'before-results' : 'never';
}
