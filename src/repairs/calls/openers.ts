/** Where a block of calls may begin. */
import { type CallSyntax, meets } from './reading.ts';

/** A syntax, and what begins a block of it. */
export type Opener = { readonly opener: string; readonly syntax: CallSyntax };

/** The syntaxes, by the first character of their openers. Made once. */
export class OpenerTable {
  /** 1 = opener, 2 = mark of code or newline. */
  readonly #classes = new Uint8Array(128);
  readonly #byFirst = new Map<number, Opener[]>();

  constructor(syntaxes: readonly CallSyntax[]) {
    for (const mark of '`~\n') this.#classes[mark.charCodeAt(0)] = 2;
    for (const syntax of syntaxes) for (const opener of syntax.openers) this.#add(opener, syntax);
  }

  /** Nothing in the text opens anything in the midst of text, is a mark of code or ends a line. */
  isPlain(text: string): boolean {
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code < 128 && this.#classes[code] !== 0) return false;
    }
    return true;
  }

  /** Who may begin at `at`, now or when more has come. */
  at(text: string, at: number, isAnswerStart: boolean): readonly Opener[] {
    const code = text.charCodeAt(at);
    if (!isAnswerStart && (code >= 128 || this.#classes[code] !== 1)) return [];
    const openers = this.#byFirst.get(code) ?? [];
    return openers.filter(
      ({ opener, syntax }) => (isAnswerStart || !syntax.isWholeAnswer) && meets(text, at, opener) !== 'no',
    );
  }

  #add(opener: string, syntax: CallSyntax): void {
    const code = opener.charCodeAt(0);
    if (!syntax.isWholeAnswer) this.#classes[code] = 1;
    const others = this.#byFirst.get(code);
    if (others) others.push({ opener, syntax });
    else this.#byFirst.set(code, [{ opener, syntax }]);
  }
}
