/** The parts of a Jinja text. In time that grows with its length alone, since templates come from strangers. */

/** The template without its comments. */
export function withoutComments(template: string): string {
  let text = '';
  let from = 0;
  for (let at = template.indexOf('{#'); at >= 0; at = template.indexOf('{#', from)) {
    const end = template.indexOf('#}', at + 2);
    if (end < 0) break;
    text += template.slice(from, at);
    from = end + 2;
  }
  return text + template.slice(from);
}

/** What stands in `{{ }}` and `{% %}`, without the texts in it, one after the other. */
export function codeIn(template: string): string {
  let code = '';
  let from = 0;
  for (;;) {
    const [expression, statement] = [template.indexOf('{{', from), template.indexOf('{%', from)];
    if (expression < 0 && statement < 0) return withoutTexts(code);
    const isExpression = statement < 0 || (expression >= 0 && expression < statement);
    const at = isExpression ? expression : statement;
    const end = template.indexOf(isExpression ? '}}' : '%}', at + 2);
    if (end < 0) return withoutTexts(code);
    code += `${template.slice(at + 2, end)}\n`;
    from = end + 2;
  }
}

/** Code with its texts empty. After a text that never ends nothing is known, so the rest stays as it is. */
function withoutTexts(code: string): string {
  let bare = '';
  let from = 0;
  for (let at = 0; at < code.length; at += 1) {
    const quote = code[at];
    if (quote !== "'" && quote !== '"') continue;
    let end = at + 1;
    while (end < code.length && code[end] !== quote) end += code[end] === '\\' ? 2 : 1;
    if (end >= code.length) break;
    bare += `${code.slice(from, at)}''`;
    from = end + 1;
    at = end;
  }
  return bare + code.slice(from);
}
