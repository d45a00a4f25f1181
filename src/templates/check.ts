/** Checks a chat template: the trials are rendered apart from Flow, and judged here. */
import type { CallFormat } from '#src/models/traits.ts';
import { judge } from './judge.ts';
import type { Renderer } from './renderer.ts';
import { type Outcome, type Rendered, TEMPLATE_CHARS_MAX } from './rendering.ts';
import { type Seen, treatmentOf } from './seen.ts';
import { type SpecialTokens, trials, WORDS } from './trials.ts';
import { found, hopeless, type TemplateFinding, type TemplateVerdict } from './verdict.ts';

/** What is to be checked. */
export type Candidate = {
  readonly template: string;
  readonly tokens: SpecialTokens;
  /** The format in which the model's family calls tools; null = unknown. */
  readonly callFormat: CallFormat | null;
};

/** Begin and end when nobody says what the tokenizer calls them. */
export const USUAL_TOKENS: SpecialTokens = { begin: '<s>', end: '</s>' };

const NOT_TRIED: Outcome = { kind: 'failed', message: 'It was not tried.' };
const ENDINGS: Readonly<Record<'time' | 'memory' | 'crash', TemplateFinding>> = {
  time: found('endless', 'error', 'Rendering it did not end within 4 seconds, so it was stopped.'),
  memory: found('memory', 'error', 'Rendering it took more memory than any template needs, so it was stopped.'),
  crash: found('crashed', 'error', 'Rendering it ended the process that tried.'),
};

/** Gives the verdict. Never throws; bounded in time and memory whatever the template does. */
export async function checkTemplate(candidate: Candidate, renderer: Renderer): Promise<TemplateVerdict> {
  const { template, tokens } = candidate;
  if (template.trim() === '') return hopeless(found('empty', 'error', 'The template is empty.'));
  if (template.length > TEMPLATE_CHARS_MAX) {
    const size = `It has ${template.length} characters; more than ${TEMPLATE_CHARS_MAX} are not looked at.`;
    return hopeless(found('too-large', 'error', size));
  }
  const first = await tried(template, tokens, false, renderer);
  if (first.kind !== 'rendered') return notRendered(first);
  if (!wantsLists(first)) return judge({ ...candidate, ...first, isListed: false });
  const second = await tried(template, tokens, true, renderer);
  return second.kind === 'rendered' ? judge({ ...candidate, ...second, isListed: true }) : notRendered(second);
}

type Tried = Exclude<Rendered, { kind: 'rendered' }> | (Seen & { readonly kind: 'rendered' });

async function tried(template: string, tokens: SpecialTokens, isListed: boolean, renderer: Renderer): Promise<Tried> {
  const list = trials(tokens, isListed);
  const rendered = await renderer.render(
    template,
    list.map(({ variables }) => variables),
  );
  if (rendered.kind !== 'rendered') return rendered;
  const { outcomes, joinsMarkup } = rendered;
  const byName = new Map(list.map(({ name }, index) => [name, outcomes[index] ?? NOT_TRIED] as const));
  return { kind: 'rendered', of: (name) => byName.get(name) ?? NOT_TRIED, joinsMarkup };
}

/** Text is lost as it is, and kept as a list of parts. */
function wantsLists({ of }: Seen): boolean {
  return treatmentOf(of('question'), WORDS.user) !== 'kept' && treatmentOf(of('list-content'), WORDS.user) === 'kept';
}

function notRendered(rendered: Exclude<Rendered, { kind: 'rendered' }>): TemplateVerdict {
  if (rendered.kind === 'ended') return hopeless(ENDINGS[rendered.why]);
  return hopeless(
    found('syntax', 'error', 'It is not valid Jinja, so no prompt can be made with it.', rendered.message),
  );
}
