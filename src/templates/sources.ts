/** Where a model's chat template stands: a file that replaces it, the GGUF's header, the files of an MLX folder. */
import { join } from 'node:path';
import { folderTemplates, TEMPLATE_FILES } from '#src/mlx/templates.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { statOrNull } from '#src/models/file-look.ts';
import type { Model } from '#src/models/model.ts';
import { TemplateFiles } from '#src/models/template-files.ts';
import { USUAL_TOKENS } from './check.ts';
import type { SpecialTokens } from './trials.ts';

/** One template of a model. */
export type TemplateSource = {
  /** `override`: the file of `launch.chat_template_file`. `folder`: a file in the MLX folder. */
  readonly kind: 'override' | 'gguf' | 'folder';
  /** The file that it stands in. */
  readonly file: string;
  /** Where a model has several, what this one is for: `default`, `tool_use` …; null = it has one. */
  readonly name: string | null;
  readonly text: string;
  readonly tokens: SpecialTokens;
};

const FOLDERS_MAX = 100;

type Folder = { readonly stamp: string; readonly sources: readonly TemplateSource[] };

/** Finds templates; each state of a file is read once. */
export class TemplateSources {
  readonly #factsOf: (model: Model) => ModelFacts | null;
  readonly #files = new TemplateFiles();
  readonly #folders = new Map<string, Folder>();

  /** `factsOf` says what a GGUF's header says, null when it cannot be read. */
  constructor(factsOf: (model: Model) => ModelFacts | null) {
    this.#factsOf = factsOf;
  }

  /** The templates of a model, first the one that it is started with; empty when there is none. Never throws. */
  of(model: Model): readonly TemplateSource[] {
    const own = model.format === 'gguf' ? this.#ofHeader(model) : this.#ofFolder(model.path);
    const file = model.config.launch.chat_template_file;
    const text = file ? this.#files.textOf(file) : null;
    if (!file || text === null) return own;
    const tokens = own[0]?.tokens ?? USUAL_TOKENS;
    return [{ kind: 'override', file, name: null, text, tokens }, ...own];
  }

  #ofHeader(model: Model): readonly TemplateSource[] {
    const facts = this.#factsOf(model);
    if (!facts) return [];
    const { chatTemplate, namedTemplates } = facts;
    const all = [...(chatTemplate === null ? [] : [{ name: null, text: chatTemplate }]), ...namedTemplates];
    return all.map((template) => ({ kind: 'gguf', file: model.path, ...template, tokens: USUAL_TOKENS }));
  }

  #ofFolder(folder: string): readonly TemplateSource[] {
    const stamp = TEMPLATE_FILES.map((name) => stampOf(join(folder, name))).join(' ');
    const held = this.#folders.get(folder);
    if (held?.stamp === stamp) return held.sources;
    const sources = readFolder(folder);
    this.#folders.delete(folder);
    this.#folders.set(folder, { stamp, sources });
    const [oldest] = this.#folders.keys();
    if (this.#folders.size > FOLDERS_MAX && oldest !== undefined) this.#folders.delete(oldest);
    return sources;
  }
}

function readFolder(folder: string): readonly TemplateSource[] {
  const { templates, beginText, endText } = folderTemplates(folder);
  const tokens = { begin: beginText, end: endText };
  return templates.map((template) => ({ kind: 'folder', ...template, tokens }));
}

function stampOf(path: string): string {
  const stat = statOrNull(path);
  return stat ? `${stat.size}:${stat.mtimeMs}` : '-';
}
