/** Where a model's chat template stands: a file that replaces it, the GGUF's header, the files of an MLX folder. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
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

/** Real ones reach some megabytes, by their lists of added tokens. */
const CONFIG_BYTES_MAX = 16 << 20;
const FOLDERS_MAX = 100;
const NAMED_MAX = 20;

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
    const files = ['chat_template.jinja', 'chat_template.json', 'tokenizer_config.json'].map((name) =>
      join(folder, name),
    );
    const stamp = files.map(stampOf).join(' ');
    const held = this.#folders.get(folder);
    if (held?.stamp === stamp) return held.sources;
    const sources = this.#readFolder(folder);
    this.#folders.delete(folder);
    this.#folders.set(folder, { stamp, sources });
    const [oldest] = this.#folders.keys();
    if (this.#folders.size > FOLDERS_MAX && oldest !== undefined) this.#folders.delete(oldest);
    return sources;
  }

  /** A file of its own wins over the tokenizer's configuration, as in the library that MLX engines use. */
  #readFolder(folder: string): readonly TemplateSource[] {
    const [jinja, json, config] = ['chat_template.jinja', 'chat_template.json', 'tokenizer_config.json'].map((name) =>
      join(folder, name),
    );
    const settings = objectIn(config);
    const tokens = { begin: tokenText(settings?.bos_token), end: tokenText(settings?.eos_token) };
    const text = jinja === undefined ? null : this.#files.textOf(jinja);
    if (jinja !== undefined && text !== null) return [{ kind: 'folder', file: jinja, name: null, text, tokens }];
    for (const [file, held] of [[json, objectIn(json)] as const, [config, settings] as const]) {
      const found = templatesIn(held?.chat_template);
      if (file !== undefined && found.length > 0) {
        return found.map((template) => ({ kind: 'folder', file, ...template, tokens }));
      }
    }
    return [];
  }
}

/** A text, or a list of named texts, of which `default` comes first. */
function templatesIn(value: unknown): readonly { readonly name: string | null; readonly text: string }[] {
  if (typeof value === 'string') return [{ name: null, text: value }];
  if (!Array.isArray(value)) return [];
  const named = value.slice(0, NAMED_MAX).flatMap((entry) => {
    if (!isObject(entry) || typeof entry.template !== 'string') return [];
    return [{ name: stringOrNull(entry.name), text: entry.template }];
  });
  return named.sort((a, b) => Number(b.name === 'default') - Number(a.name === 'default'));
}

/** Either the text itself, or an object that says it with how it is split. */
function tokenText(value: unknown): string {
  return typeof value === 'string' ? value : isObject(value) ? (stringOrNull(value.content) ?? '') : '';
}

function objectIn(path: string | undefined): JsonObject | null {
  const stat = path === undefined ? null : statOrNull(path);
  if (path === undefined || !stat?.isFile() || stat.size > CONFIG_BYTES_MAX) return null;
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function stampOf(path: string): string {
  const stat = statOrNull(path);
  return stat ? `${stat.size}:${stat.mtimeMs}` : '-';
}
