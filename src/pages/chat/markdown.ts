/**
 * Markdown as markup, by a renderer of our own over marked's tokens: what it does not know it shows as the text that it
 * is. Raw HTML is text, links lead to the web or to a mailbox only, and no image is ever fetched from elsewhere.
 */
import { escapeHtml } from '@kitajs/html';
import { Lexer, type Token, Tokenizer, type Tokens } from 'marked';

/** Colours code; null = it stays plain. */
export type Colouring = (code: string, language: string) => string | null;

/** Longer paragraphs and tables than people read are shown as they were written. */
const BLOCK_CHARACTERS_MAX = 100_000;
const NAME_CHARACTERS_MAX = 40;
const LINK_PROTOCOLS: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:']);

const BLANK_LINE = /\n[ \t]*\n/;
const UNDERLINE = /\n {0,3}(?:=+|-+) *(?:\n|$)/;

/** marked's rule for underlined headings costs 3 µs a letter of any paragraph; nearly none has such a line. */
class QuickTokenizer extends Tokenizer {
  override lheading(source: string): Tokens.Heading | undefined {
    const end = source.search(BLANK_LINE);
    return UNDERLINE.test(end < 0 ? source : source.slice(0, end + 1)) ? super.lheading(source) : undefined;
  }
}

/** The blocks of a text, without the white space between them. Never throws. */
export function blocksOf(text: string): readonly Token[] {
  try {
    return new Lexer({ gfm: true, tokenizer: new QuickTokenizer() }).lex(text).filter(({ type }) => type !== 'space');
  } catch {
    // Nested deeper than any stack: then it is no document.
    return [{ type: 'text', raw: text, text }];
  }
}

/** One block's markup; only elements and attributes that are written here, all text escaped. */
export function blockMarkup(block: Token, colour: Colouring): string {
  if (block.raw.length > BLOCK_CHARACTERS_MAX && block.type !== 'code') return `<pre>${escapeHtml(block.raw)}</pre>`;
  try {
    return blockOf(block, colour);
  } catch {
    return `<pre>${escapeHtml(block.raw)}</pre>`;
  }
}

function blockOf(token: Token, colour: Colouring): string {
  switch (token.type) {
    case 'paragraph':
      return `<p>${inlines(token)}</p>`;
    case 'text':
      return inlines(token);
    case 'heading':
      return headingOf(token);
    case 'code':
      return codeOf(token, colour);
    case 'blockquote':
      return `<blockquote>${blocks(token, colour)}</blockquote>`;
    case 'list':
      return isList(token) ? listOf(token, colour) : plain(token);
    case 'table':
      return isTable(token) ? tableOf(token) : plain(token);
    case 'hr':
      return '<hr />';
    case 'space':
    case 'def':
      return '';
    case 'checkbox':
      return inlineOf(token);
    case 'html':
      return `<p>${plain(token)}</p>`;
    default:
      return plain(token);
  }
}

const plain = ({ raw }: Token): string => escapeHtml(raw);
const isList = (token: Token): token is Tokens.List => token.type === 'list' && 'items' in token;
const isTable = (token: Token): token is Tokens.Table => token.type === 'table' && 'rows' in token;

function blocks(token: Token, colour: Colouring): string {
  return childrenOf(token)
    .map((child) => blockOf(child, colour))
    .join('');
}

function childrenOf(token: Token): readonly Token[] {
  return 'tokens' in token && Array.isArray(token.tokens) ? token.tokens : [];
}

/** Models begin with any level and skip some; for whoever listens, all of them are one step below the speaker. */
function headingOf(token: Token): string {
  const depth = 'depth' in token && typeof token.depth === 'number' ? token.depth : 1;
  return `<h3 data-level="${depth}">${inlines(token)}</h3>`;
}

function codeOf(token: Token, colour: Colouring): string {
  const text = 'text' in token ? String(token.text) : token.raw;
  const language = 'lang' in token && typeof token.lang === 'string' ? (token.lang.split(/\s/)[0] ?? '') : '';
  const name = escapeHtml(language.slice(0, NAME_CHARACTERS_MAX) || 'text');
  const body = (language === '' ? null : colour(text, language)) ?? escapeHtml(text);
  const copy = '<button class="button button--quiet" type="button" data-copies="code">Copy</button>';
  return `<figure class="code"><figcaption><span>${name}</span>${copy}</figcaption><pre><code>${body}</code></pre></figure>`;
}

function listOf({ ordered, start, items }: Tokens.List, colour: Colouring): string {
  const inner = items.map((item) => `<li>${blocks(item, colour)}</li>`).join('');
  if (!ordered) return `<ul>${inner}</ul>`;
  const from = typeof start === 'number' && Number.isSafeInteger(start) && start !== 1 ? ` start="${start}"` : '';
  return `<ol${from}>${inner}</ol>`;
}

function tableOf({ header, rows }: Tokens.Table): string {
  const cell = (name: 'th' | 'td') => (one: Tokens.TableCell) => {
    const align = one.align === null ? '' : ` data-align="${one.align}"`;
    return `<${name}${align}>${one.tokens.map(inlineOf).join('')}</${name}>`;
  };
  const head = `<thead><tr>${header.map(cell('th')).join('')}</tr></thead>`;
  const body = rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('');
  return `<div class="prose__table" tabindex="0" role="group" aria-label="Table"><table>${head}<tbody>${body}</tbody></table></div>`;
}

function inlines(token: Token): string {
  const children = childrenOf(token);
  return children.length === 0
    ? escapeHtml(decoded('text' in token ? String(token.text) : token.raw))
    : children.map(inlineOf).join('');
}

function inlineOf(token: Token): string {
  switch (token.type) {
    case 'text':
      return inlines(token);
    case 'escape':
      return escapeHtml('text' in token ? String(token.text) : token.raw);
    case 'strong':
      return `<strong>${inlines(token)}</strong>`;
    case 'em':
      return `<em>${inlines(token)}</em>`;
    case 'del':
      return `<del>${inlines(token)}</del>`;
    case 'codespan':
      return `<code>${escapeHtml('text' in token ? String(token.text) : token.raw)}</code>`;
    case 'br':
      return '<br />';
    case 'link':
    case 'image':
      return linkOf(token);
    case 'checkbox':
      return 'checked' in token && token.checked === true ? '☑ ' : '☐ ';
    default:
      return plain(token);
  }
}

/** An image elsewhere is only a link to it: fetching it would tell its server what was said. */
function linkOf(token: Token): string {
  const href = 'href' in token ? safeAddress(String(token.href)) : null;
  const text = 'text' in token ? String(token.text) : '';
  if (href === null) return plain(token);
  const inner = token.type === 'image' ? `🖼 ${escapeHtml(text || 'image')}` : inlines(token);
  return `<a href="${escapeHtml(href)}" target="_blank" rel="noopener noreferrer nofollow">${inner}</a>`;
}

/** The address as a browser will read it; null when it leads anywhere but to the web or a mailbox. */
function safeAddress(address: string): string | null {
  try {
    const url = new URL(address);
    return LINK_PROTOCOLS.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

/** The few entities that models write; the result is text and is escaped as such. */
function decoded(text: string): string {
  return text.includes('&')
    ? text.replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (all, name: string) => ENTITIES[name] ?? all)
    : text;
}
