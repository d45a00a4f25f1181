/** Colours code on the server. Its grammars are loaded when somebody first opens the chat, not when Flow starts. */
import type { HLJSApi, LanguageFn } from 'highlight.js';

/** Longer code stays plain: colouring a megabyte would hold everybody up. */
const CODE_CHARACTERS_MAX = 30_000;

const SHORT_NAMES: Readonly<Record<string, string>> = {
  'c++': 'cpp',
  'c#': 'csharp',
  'objective-c': 'c',
  console: 'bash',
};

/** Owns the grammars. */
export class Highlighter {
  #core: HLJSApi | null = null;
  #loading: Promise<void> | null = null;

  /** Loads the grammars, once. Never rejects: without them code is plain. */
  ready(): Promise<void> {
    this.#loading ??= this.#load().catch(() => {});
    return this.#loading;
  }

  /** Markup of spans with `hljs-…` classes and escaped text; null when it stays plain. */
  markup(code: string, language: string): string | null {
    const name = SHORT_NAMES[language.toLowerCase()] ?? language;
    if (this.#core === null || code.length > CODE_CHARACTERS_MAX) return null;
    if (this.#core.getLanguage(name) === undefined) return null;
    return this.#core.highlight(code, { language: name, ignoreIllegals: true }).value;
  }

  async #load(): Promise<void> {
    const { default: core } = await import('highlight.js/lib/core');
    for (const [name, grammar] of Object.entries(await grammars())) core.registerLanguage(name, grammar);
    this.#core = core;
  }
}

/** What models write most. */
async function grammars(): Promise<Readonly<Record<string, LanguageFn>>> {
  return {
    bash: (await import('highlight.js/lib/languages/bash')).default,
    c: (await import('highlight.js/lib/languages/c')).default,
    cpp: (await import('highlight.js/lib/languages/cpp')).default,
    csharp: (await import('highlight.js/lib/languages/csharp')).default,
    css: (await import('highlight.js/lib/languages/css')).default,
    diff: (await import('highlight.js/lib/languages/diff')).default,
    dockerfile: (await import('highlight.js/lib/languages/dockerfile')).default,
    go: (await import('highlight.js/lib/languages/go')).default,
    ini: (await import('highlight.js/lib/languages/ini')).default,
    java: (await import('highlight.js/lib/languages/java')).default,
    javascript: (await import('highlight.js/lib/languages/javascript')).default,
    json: (await import('highlight.js/lib/languages/json')).default,
    kotlin: (await import('highlight.js/lib/languages/kotlin')).default,
    lua: (await import('highlight.js/lib/languages/lua')).default,
    makefile: (await import('highlight.js/lib/languages/makefile')).default,
    markdown: (await import('highlight.js/lib/languages/markdown')).default,
    php: (await import('highlight.js/lib/languages/php')).default,
    python: (await import('highlight.js/lib/languages/python')).default,
    ruby: (await import('highlight.js/lib/languages/ruby')).default,
    rust: (await import('highlight.js/lib/languages/rust')).default,
    sql: (await import('highlight.js/lib/languages/sql')).default,
    swift: (await import('highlight.js/lib/languages/swift')).default,
    typescript: (await import('highlight.js/lib/languages/typescript')).default,
    xml: (await import('highlight.js/lib/languages/xml')).default,
    yaml: (await import('highlight.js/lib/languages/yaml')).default,
  };
}
