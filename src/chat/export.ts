/** A conversation as a file to keep: what is shown as Markdown, everything as JSON. Pure. */
import { pathTo } from './tree.ts';
import type { Conversation, Turn } from './turn.ts';

const SPEAKERS: { readonly [Role in Turn['role']]: string } = { user: 'You', assistant: 'Model', tool: 'Tool' };

/** The branch that is shown, as a document. */
export function asMarkdown({ title, leafId, settings }: Conversation, turns: readonly Turn[]): string {
  const system = settings.system.trim() === '' ? [] : [`> ${settings.system.trim().replaceAll('\n', '\n> ')}`];
  const told = pathTo(turns, leafId).map(turnAsMarkdown);
  return `${[`# ${title}`, ...system, ...told].join('\n\n')}\n`;
}

/** All branches; images as data URLs. */
export function asJson(conversation: Conversation, turns: readonly Turn[]): string {
  return `${JSON.stringify({ version: 1, ...conversation, turns }, null, 2)}\n`;
}

/** A file name that every system takes. */
export function fileName(title: string, extension: string): string {
  const plain = title
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return `${plain.slice(0, 60) || 'conversation'}.${extension}`;
}

function turnAsMarkdown({ role, modelId, content, reasoning, calls, images }: Turn): string {
  const speaker = role === 'assistant' && modelId !== null ? modelId : SPEAKERS[role];
  const thoughts = reasoning.trim() === '' ? [] : [`> *Thoughts*\n>\n> ${reasoning.trim().replaceAll('\n', '\n> ')}`];
  const called = calls.map(
    (call) => `${fence(call.arguments)}json ${call.name}\n${call.arguments}\n${fence(call.arguments)}`,
  );
  const pictures = images.length === 0 ? [] : [`*${images.length === 1 ? 'An image' : `${images.length} images`}*`];
  return [`## ${speaker}`, ...thoughts, ...pictures, ...(content === '' ? [] : [content]), ...called].join('\n\n');
}

/** Longer than any run of backticks within. */
function fence(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  return '`'.repeat(Math.max(3, longest + 1));
}
