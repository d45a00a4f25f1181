/** What a conversation is called while nobody has named it. Pure. */

const CHARACTERS_MAX = 60;

/** The first line with words of the first question, cut at a word. */
export function titleOf(question: string): string {
  const lines = question.split('\n').map((one) => one.replace(/[\p{Cc}\s]+/gu, ' ').trim());
  const line = lines.find((one) => /[\p{L}\p{N}]/u.test(one)) ?? lines.find((one) => one !== '') ?? '';
  if (line === '') return 'New conversation';
  if (line.length <= CHARACTERS_MAX) return line;
  const cut = line.slice(0, CHARACTERS_MAX);
  const space = cut.lastIndexOf(' ');
  return `${(space > CHARACTERS_MAX / 2 ? cut.slice(0, space) : whole(cut)).trimEnd()}…`;
}

/** Without half a character at its end. */
function whole(text: string): string {
  return /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text;
}
