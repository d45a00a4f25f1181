/** The chat templates of a model's folder, in the order in which the library that MLX servers use takes them. */
import { realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { namesIn } from '#src/models/file-look.ts';
import { smallFile } from './folder.ts';
import { JsonWalk } from './json-walk.ts';

/** One template and the file that it stands in. */
export type FolderTemplate = {
  readonly file: string;
  /** What it is for, where there are several: `default`, `tool_use` …; null = it is the only one, or the usual one. */
  readonly name: string | null;
  readonly text: string;
};

/** What a folder says of how its model is spoken to. */
export type FolderTemplates = {
  /** First the one that is used. */
  readonly templates: readonly FolderTemplate[];
  readonly beginText: string;
  readonly endText: string;
};

const TOKENIZER_NAME = 'tokenizer_config.json';
const JINJA_NAME = 'chat_template.jinja';
const JSON_NAME = 'chat_template.json';
const MORE_NAME = 'additional_chat_templates';
/** Real ones reach some megabytes, by their lists of added tokens, which are stepped over. */
const TOKENIZER_BYTES_MAX = 16 << 20;
const TEMPLATE_BYTES_MAX = 1 << 20;
const NAMED_MAX = 20;

/** What is before the snapshots of a repository in a Hugging Face cache. */
const SNAPSHOT = /^(.*)\/snapshots\/[^/]+(?:\/additional_chat_templates)?$/;

/** The files that decide it; when none of them changes, neither does the answer. */
export const TEMPLATE_FILES = [JINJA_NAME, JSON_NAME, TOKENIZER_NAME, MORE_NAME] as const;

/** Reads them. A file that is damaged, too large or none counts as absent: never throws. */
export function folderTemplates(folder: string): FolderTemplates {
  const tokenizer = fieldsOf(folder, TOKENIZER_NAME, ['chat_template', 'bos_token', 'eos_token']);
  const tokens = { beginText: tokenText(tokenizer.bos_token), endText: tokenText(tokenizer.eos_token) };
  const jinja = textIn(folder, JINJA_NAME);
  const more = namedTemplates(folder);
  if (jinja !== null) {
    return { templates: [{ file: join(folder, JINJA_NAME), name: null, text: jinja }, ...more], ...tokens };
  }
  const json = fieldsOf(folder, JSON_NAME, ['chat_template']);
  for (const [name, value] of [
    [JSON_NAME, json.chat_template] as const,
    [TOKENIZER_NAME, tokenizer.chat_template] as const,
  ]) {
    const found = templatesIn(value, join(folder, name));
    if (found.length > 0) return { templates: [...found, ...more].slice(0, NAMED_MAX), ...tokens };
  }
  return { templates: more, ...tokens };
}

/** Some fields of a JSON file in the folder; whatever cannot be read is left out. */
function fieldsOf(folder: string, name: string, wanted: readonly string[]): JsonObject {
  const fields: Record<string, unknown> = {};
  try {
    const bytes = smallFile(folder, name, TOKENIZER_BYTES_MAX);
    if (bytes === null) return fields;
    const walk = new JsonWalk(bytes, name);
    walk.object((key) => {
      if (wanted.includes(key)) fields[key] = walk.value(TEMPLATE_BYTES_MAX);
      else walk.skip();
    });
    return fields;
  } catch {
    return {};
  }
}

function textIn(folder: string, name: string): string | null {
  try {
    if (!isTemplatesPlace(realpathSync(join(folder, name)), realpathSync(folder))) return null;
    return smallFile(folder, name, TEMPLATE_BYTES_MAX)?.toString('utf8') ?? null;
  } catch {
    return null;
  }
}

/**
 * Whether a file may be shown as a template of this folder. A link in a folder from somewhere else may lead to anything
 * that this user can read: only the folder's own files count, blobs of the same Hugging Face cache entry, and what is a
 * template by its name.
 */
function isTemplatesPlace(file: string, folder: string): boolean {
  const repository = SNAPSHOT.exec(folder)?.[1];
  const isBlob = repository !== undefined && file.startsWith(join(repository, 'blobs') + sep);
  return file.startsWith(folder + sep) || isBlob || file.endsWith('.jinja');
}

/** Newer repositories keep each further template in a file of its own. */
function namedTemplates(folder: string): readonly FolderTemplate[] {
  const place = join(folder, MORE_NAME);
  const names = namesIn(place)
    .filter((name) => name.endsWith('.jinja'))
    .sort();
  return names.slice(0, NAMED_MAX).flatMap((name) => {
    const text = textIn(place, name);
    return text === null ? [] : [{ file: join(place, name), name: name.replace(/\.jinja$/, ''), text }];
  });
}

/** A text, or a list of named texts, of which `default` comes first. */
function templatesIn(value: unknown, file: string): readonly FolderTemplate[] {
  if (typeof value === 'string') return [{ file, name: null, text: value }];
  if (!Array.isArray(value)) return [];
  const named = value.slice(0, NAMED_MAX).flatMap((entry: unknown): FolderTemplate[] => {
    if (!isObject(entry) || typeof entry.template !== 'string') return [];
    return [{ file, name: stringOrNull(entry.name), text: entry.template }];
  });
  return named.sort((a, b) => Number(b.name === 'default') - Number(a.name === 'default'));
}

/** Either the text itself, or an object that says it with how it is split. */
function tokenText(value: unknown): string {
  return typeof value === 'string' ? value : isObject(value) ? (stringOrNull(value.content) ?? '') : '';
}
