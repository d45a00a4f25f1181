/** Chat templates that a person gives as text: checked, and kept as files where engines may read them. */
import { mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import type { Registry } from '#src/models/registry.ts';
import { writeWhole } from '#src/whole-file.ts';
import type { TemplateBook } from './template-book.ts';
import type { TemplateVerdict } from './verdict.ts';

export type TemplateOverridesParts = {
  readonly book: TemplateBook;
  readonly registry: Registry;
  /** Made when needed; one of the folders that engines may read. */
  readonly folder: string;
};

const TEXT_CHARACTERS_MAX = 1 << 20;
const OWN_NAME = /^override-[0-9a-f]{16}\.jinja$/;

/** Sets and takes back the templates of models. */
export class TemplateOverrides {
  readonly #parts: TemplateOverridesParts;

  constructor(parts: TemplateOverridesParts) {
    this.#parts = parts;
  }

  /**
   * Has a model started with this template from its next load on. Throws Fault('unprocessable') with the findings when
   * it cannot work, and then nothing changed.
   */
  async set(model: Model, text: string): Promise<TemplateVerdict> {
    const { book, registry, folder } = this.#parts;
    if (text.trim() === '' || text.length > TEXT_CHARACTERS_MAX) {
      throw new Fault('invalid-request', `A chat template has 1 to ${TEXT_CHARACTERS_MAX} characters.`, {
        details: { field: 'text' },
      });
    }
    const verdict = await book.checkTextOf(model, text);
    if (!verdict.isValid) throw useless(verdict);
    const digest = new Bun.CryptoHasher('sha256').update(text).digest('hex').slice(0, 16);
    const path = join(folder, `override-${digest}.jinja`);
    write(path, text);
    this.#change(registry.need(model.id), path);
    return verdict;
  }

  /** Has it started with its own template again. */
  clear(model: Model): void {
    this.#change(model, null);
  }

  #change(model: Model, path: string | null): void {
    const { registry } = this.#parts;
    registry.updateConfig(model.id, { launch: { chat_template_file: path } });
    this.#sweep(model.config.launch.chat_template_file ?? '', path);
  }

  /** What nobody uses any more goes, if it was made here. */
  #sweep(former: string, present: string | null): void {
    const { registry, folder } = this.#parts;
    const isOurs = dirname(former) === folder && OWN_NAME.test(basename(former));
    const isUsed = registry.list().some(({ config }) => config.launch.chat_template_file === former);
    if (isOurs && !isUsed && former !== present) rmSync(former, { force: true });
  }
}

function useless({ findings }: TemplateVerdict): Fault {
  const errors = findings.filter(({ severity }) => severity === 'error').map(({ message }) => message);
  return new Fault('unprocessable', `The template cannot be used: ${errors.join(' ')}`, {
    hint: 'Nothing was changed.',
    details: { field: 'text', findings },
  });
}

/** The name holds a digest of the text, so a file that is there already is the same. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeWhole(path, text);
}
