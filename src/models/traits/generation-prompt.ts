/** What a chat template writes where the answer begins, by its text: to render a stranger's could take for ever. */
import { withoutComments } from './template-text.ts';

/** The tags that open a thought. */
const OPENERS = ['<think>', '<thinking>', '[THINK]', '<seed:think>', '<mm:think>', '<think:opensource>'];
const OPENER = new RegExp(OPENERS.map((text) => text.replace(/[[\]]/g, '\\$&')).join('|'), 'g');
/** Line ends and joined literals after it do not close it. */
const BLANKS = String.raw`(?:\s|\\n|['"]\s*[~+]\s*['"])*`;
/** The literal or the plain text ends there, so that the model goes on within the thought. */
const IS_LAST = new RegExp(`^${BLANKS}(?:['"]\\s*(?:[-+]?\\}\\}|if\\b)|\\{[%{]|$)`);
const INLINE_CHOICE = /\bif\b([^{}]*?)\belse\s*\(?\s*['"][^'"{}]*$/;
const INLINE_CONDITION = new RegExp(`^${BLANKS}['"]\\s*if\\b([^{}]*?)(?:\\belse\\b|[-+]?\\}\\})`);
const GENERATION_BRANCH = /\{%[-+]?\s*if\b[^%]*\badd_generation_prompt\b/g;
/** A generation prompt has one or two; a hostile template may have any number. */
const OPENERS_MAX = 20;
const LOOK_AHEAD = 300;
/** As much of an expression, and of a condition, is read: these patterns are slow on what is longer than any is. */
const CODE_CHARACTERS_MAX = 1_000;
const TAG = /\{%[-+]?\s*(if|elif|else|endif)\b([\s\S]*?)[-+]?%\}/g;

/** Whether the thought is open in it, when nobody says anything about thinking. */
export function opensThought(template: string): boolean {
  const text = withoutComments(template);
  const from = [...text.matchAll(GENERATION_BRANCH)].at(-1)?.index;
  if (from === undefined) return false;
  const branch = text.slice(from);
  for (const found of [...branch.matchAll(OPENER)].slice(0, OPENERS_MAX)) {
    const before = branch.slice(0, found.index);
    const after = branch.slice(found.index + found[0].length, found.index + LOOK_AHEAD);
    if (IS_LAST.test(after) && isReached(text, before, after)) return true;
  }
  return false;
}

/** Whether what stands between these two is written by default. */
function isReached(template: string, before: string, after: string): boolean {
  const truth = (condition: string) => byDefault(condition, template);
  const expression = before.slice(before.lastIndexOf('{{') + 1).slice(-CODE_CHARACTERS_MAX);
  const choice = INLINE_CHOICE.exec(expression);
  if (choice && truth(choice[1] ?? '')) return false;
  const condition = INLINE_CONDITION.exec(after);
  if (condition && !truth(condition[1] ?? '')) return false;
  const open: { hasHit: boolean; isTaken: boolean }[] = [];
  for (const [, word, condition = ''] of before.matchAll(TAG)) {
    const last = open.at(-1);
    if (word === 'if') {
      const isTaken = truth(condition);
      open.push({ hasHit: isTaken, isTaken });
    } else if (word === 'endif') open.pop();
    else if (last) {
      last.isTaken = !last.hasHit && (word === 'else' || truth(condition));
      last.hasHit ||= last.isTaken;
    }
  }
  return open.every(({ isTaken }) => isTaken);
}

/** A condition when no word about thinking was given; what is not about thinking is taken as true. */
function byDefault(condition: string, template: string): boolean {
  if (condition.length > CODE_CHARACTERS_MAX) return true;
  const denied = /^\s*not\s*\(([\s\S]*)\)\s*$/.exec(condition)?.[1];
  if (denied !== undefined) return !byDefault(denied, template);
  const name = /(?:\bns\.)?\b(enable_thinking|thinking)\b/.exec(condition)?.[1];
  if (name === undefined) return true;
  const isInner = condition.includes(`.${name}`);
  if (
    !isInner &&
    new RegExp(`\\b${name}\\s+is\\s+not\\s+defined\\s+or|not\\s+${name}\\s+is\\s+defined\\s+or`).test(condition)
  ) {
    return true;
  }
  const chosen = defaultOf(name, condition, template);
  if (!isInner && chosen === null && /\bis\s+defined\b/.test(condition)) return false;
  const isNegated = new RegExp(`\\bnot\\s+\\(?(?:ns\\.)?${name}(?!\\s+is)|\\b${name}\\s*(?:is|==)\\s*false`, 'i').test(
    condition,
  );
  return (chosen ?? false) !== isNegated;
}

/** What a switch is when nobody sets it, as far as the template says; null = it is not defined then. */
function defaultOf(name: string, condition: string, template: string): boolean | null {
  const filter = new RegExp(`${name}\\s*\\|\\s*default\\(\\s*(true|false)`, 'i').exec(condition);
  const set = new RegExp(`(?:set\\s+|namespace\\([^)]{0,300}?)(?:ns\\.)?${name}\\s*=\\s*(true|false)`, 'i').exec(
    template,
  );
  const word = (filter ?? set)?.[1]?.toLowerCase();
  return word === undefined ? null : word === 'true';
}
