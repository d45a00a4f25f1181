/** The tags between which models think, and how to find them in text that arrives in pieces. Pure. */

/** One way of marking a thought. */
export type ThoughtTag = { readonly opener: string; readonly closer: string };

/** A tag at a place of a text: which one, or that more text is needed to know. */
export type FoundTag =
  | { readonly kind: 'opener' | 'closer'; readonly tag: ThoughtTag; readonly length: number }
  | { readonly kind: 'partial' };

/** gpt-oss's channels are not among them: they mark all that is said, not thoughts alone. */
const TAGS: readonly ThoughtTag[] = [
  { opener: '<think>', closer: '</think>' },
  { opener: '<thinking>', closer: '</thinking>' },
  { opener: '[THINK]', closer: '[/THINK]' },
  { opener: '<seed:think>', closer: '</seed:think>' },
  { opener: '<mm:think>', closer: '</mm:think>' },
  { opener: '<think:opensource>', closer: '</think:opensource>' },
  { opener: '<|channel>thought\n', closer: '<channel|>' },
  { opener: '<|START_THINKING|>', closer: '<|END_THINKING|>' },
  { opener: '<|inner_prefix|>', closer: '<|inner_suffix|>' },
];

const MARKS = TAGS.flatMap((tag) => [
  { kind: 'opener' as const, tag, text: tag.opener },
  { kind: 'closer' as const, tag, text: tag.closer },
]);

/** The tag that begins at `at`; null when none does, whatever may follow. */
export function tagAt(text: string, at: number): FoundTag | null {
  const rest = text.length - at;
  let isPartial = false;
  for (const { kind, tag, text: mark } of MARKS) {
    if (rest >= mark.length) {
      if (text.startsWith(mark, at)) return { kind, tag, length: mark.length };
    } else if (mark.startsWith(text.slice(at))) isPartial = true;
  }
  return isPartial ? { kind: 'partial' } : null;
}

/** Whether tags begin with this character. */
export function mayBeginTag(code: number): boolean {
  return code === 60 || code === 91;
}
