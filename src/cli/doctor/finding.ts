/** What one check of `flow doctor` says. */

/** `bad` keeps Flow from working, or will; `warning` is worth a look. */
export type Finding = {
  /** Short and stable, for scripts: `settings`, `port`. */
  readonly check: string;
  readonly level: 'good' | 'warning' | 'bad';
  /** One sentence: what is. */
  readonly says: string;
  /** One line: what to do; null when there is nothing to do. */
  readonly fix: string | null;
};

/** As it should be. */
export const good = (check: string, says: string): Finding => ({ check, level: 'good', says, fix: null });

/** Works, but not as well as it might. */
export const warning = (check: string, says: string, fix: string): Finding => ({ check, level: 'warning', says, fix });

/** Does not work, or will not. */
export const bad = (check: string, says: string, fix: string): Finding => ({ check, level: 'bad', says, fix });
