/**
 * Takes secrets out of lines: those known by value, and what looks like a token. The home folder becomes `~`, since its
 * path is mostly somebody's name.
 */
import { homedir } from 'node:os';

const LOOKS = [
  /\bhf_[A-Za-z0-9]{16,}/g,
  /\bsk-[A-Za-z0-9_-]{16,}/g,
  /\bflow-[A-Za-z0-9_-]{24,}/g,
  /\bflow_[A-Za-z0-9]{24,}/g,
  /\b(Bearer\s+)[A-Za-z0-9._~+/=-]{8,}/gi,
  /\b((?:api[_-]?key|token|password|secret)["']?\s*[=:]\s*["']?)[A-Za-z0-9._~+/=-]{12,}/gi,
];
/** One look decides for nearly every line that there is nothing to take out. */
const SUSPICIOUS = /hf_|sk-|flow[-_]|bearer|key|token|password|secret/i;
const SECRET_LENGTH_MIN = 8;
const MASK = '[secret]';

/** One a log: it holds the secrets known by value. */
export class Redactor {
  readonly #secrets = new Set<string>();
  readonly #home: string;

  constructor({ home = homedir() }: { readonly home?: string } = {}) {
    this.#home = home;
  }

  /** Hides this value until the returned function is called. Too short ones would hide half of every line. */
  protect(secret: string): () => void {
    if (secret.length < SECRET_LENGTH_MIN) return () => {};
    this.#secrets.add(secret);
    return () => this.#secrets.delete(secret);
  }

  redact(line: string): string {
    let text = this.#withoutHome(line);
    for (const secret of this.#secrets) if (text.includes(secret)) text = text.replaceAll(secret, MASK);
    if (!SUSPICIOUS.test(text)) return text;
    for (const look of LOOKS)
      text = text.replace(look, (_, kept: unknown) => (typeof kept === 'string' ? kept : '') + MASK);
    return text;
  }

  #withoutHome(line: string): string {
    // A home of `/`, as in some containers, is nobody's name.
    if (this.#home.length < 2 || !line.includes(this.#home)) return line;
    return line.replaceAll(this.#home, (found, at: number) => {
      const isWhole = !/[\w.-]/.test(line[at - 1] ?? ' ') && !/[\w.-]/.test(line[at + found.length] ?? ' ');
      return isWhole ? '~' : found;
    });
  }
}
