/**
 * Knows, character by character, whether text stands in code: in a fenced block, also one that is never closed, or in
 * inline code. What stands there is shown and not meant, so nothing in it is a call.
 */

const BACKTICK = 96;
const TILDE = 126;
const NEWLINE = 10;
const FENCE_MIN = 3;

/** Follows text as it comes. Ask `isCode` only where something other than a mark of code comes next. */
export class CodeSpans {
  /** The fence that is open: its character and length; 0 = none. */
  #fence = 0;
  #fenceLength = 0;
  /** Backticks that opened inline code; 0 = none. It ends with its line, so that a stray backtick spoils only that. */
  #inline = 0;
  /** Only white so far on this line. */
  #isLineStart = true;
  /** The run of backticks or tildes that is being read. */
  #run = 0;
  #runLength = 0;
  #isRunAtLineStart = false;
  /** After a run at the start of a line that could close the fence: whether only white has followed. */
  #mayClose = false;
  /** On the line of an opening fence of backticks, where another backtick makes it inline code. */
  #isInfo = false;

  /** Whether what comes next stands in code. */
  isCode(): boolean {
    if (this.#run !== 0) this.#endRun();
    return this.#fence !== 0 || this.#inline !== 0;
  }

  /** Text without any mark of code and without newline. */
  plain(isWhite: boolean): void {
    if (this.#run !== 0) this.#endRun();
    if (isWhite) return;
    this.#isLineStart = false;
    this.#mayClose = false;
  }

  /** One character of text. */
  see(code: number): void {
    if (code === BACKTICK || code === TILDE) {
      this.#seeMark(code);
      return;
    }
    if (code !== NEWLINE) {
      this.plain(code === 32 || code === 9 || code === 13);
      return;
    }
    if (this.#run !== 0) this.#endRun();
    this.newLine();
  }

  /** As if a line had ended: what precedes is no longer on this line. */
  newLine(): void {
    if (this.#mayClose) this.#fence = 0;
    this.#mayClose = false;
    this.#inline = 0;
    this.#isInfo = false;
    this.#isLineStart = true;
  }

  #seeMark(code: number): void {
    if (this.#run !== 0 && this.#run !== code) this.#endRun();
    if (this.#run === 0) {
      this.#run = code;
      this.#runLength = 0;
      this.#isRunAtLineStart = this.#isLineStart;
    }
    this.#runLength += 1;
    this.#isLineStart = false;
  }

  #endRun(): void {
    const code = this.#run;
    const length = this.#runLength;
    this.#run = 0;
    if (this.#fence !== 0) {
      if (this.#isInfo && code === BACKTICK) this.#takeBack();
      else this.#mayClose = this.#isRunAtLineStart && code === this.#fence && length >= this.#fenceLength;
      return;
    }
    if (this.#inline !== 0) {
      if (code === BACKTICK && length === this.#inline) this.#inline = 0;
      return;
    }
    if (this.#isRunAtLineStart && length >= FENCE_MIN) {
      this.#fence = code;
      this.#fenceLength = length;
      this.#isInfo = code === BACKTICK;
    } else if (code === BACKTICK) this.#inline = length;
  }

  /** ```` ```code``` ```` on one line is inline code, and this run has closed it. */
  #takeBack(): void {
    this.#fence = 0;
    this.#isInfo = false;
  }
}
