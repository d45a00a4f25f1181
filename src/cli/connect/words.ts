/** What `flow connect` says. */
import type { Agent, AgentFacts, Plan } from '#src/agents/agent.ts';
import { isSame, pathText, type Step, valueAt } from '#src/agents/document.ts';
import { parsed } from '#src/agents/edit.ts';
import type { Snippet } from '#src/agents/snippet.ts';
import { safe, table } from '../terminal.ts';
import type { Draft, Undone } from './perform.ts';

const HEADINGS = ['AGENT', 'NAME', 'STATE', 'PROGRAM'] as const;

/** One agent of the listing; `model` is what it is connected to. */
type Row = {
  readonly name: string;
  readonly title: string;
  readonly program: string | null;
  readonly model: string | null;
};

/** The list of agents. */
export function connectionsTable(rows: readonly Row[], columns: number | null): string {
  const lines = rows.map(({ name, title, program, model }) => {
    const found = program === null ? 'not found' : 'found';
    return [name, title, model === null ? found : `connected to ${model}`, program ?? '–'];
  });
  return `${table(HEADINGS, lines, columns)}\nConnect one with: flow connect AGENT [--model MODEL]\n`;
}

/** What to write by hand. */
export function printedPlan({ files, command, warnings, notes }: Omit<Snippet, 'agent' | 'title'>): string {
  const blocks = files.map(({ path, text }) => `# ${path}\n${text}`);
  return `${blocks.join('\n')}\n${remarks(warnings, notes)}# Start it with: ${command}\n`;
}

function remarks(warnings: readonly string[], notes: readonly string[]): string {
  return [...warnings.map((text) => `# Warning: ${text}\n`), ...notes.map((text) => `# ${text}\n`)].join('');
}

/** What is written, and what to do next. A key is never shown. */
export function reportOf(agent: Agent, facts: AgentFacts, plan: Plan, made: readonly Draft[]) {
  const changes = made.map((draft) => fileText(draft, facts.apiKey)).join('');
  const warnings = plan.warnings.map((text) => `Warning: ${text}\n`).join('');
  const notes = plan.notes.map((text) => `- ${text}\n`).join('');
  const heading = `${agent.title} uses ${safe(facts.modelId)} (${facts.contextTokens} tokens) at ${facts.baseUrl}.\n`;
  const rest = `\n${heading}${warnings}${notes}Start: ${plan.command}\nUndo:  flow connect ${agent.name} --undo\n`;
  return { changes, rest };
}

function fileText({ edit, found, text }: Draft, key: string | null): string {
  if (text === found.text) return `${found.path}: says all of it already\n`;
  const before = parsed(edit.format, found.text ?? '');
  const after = parsed(edit.format, text);
  const lines = edit.changes
    .filter(({ at }) => !isSame(valueAt(before, at), valueAt(after, at)))
    .map(({ at }) => {
      const former = valueAt(before, at);
      const isSecret = holdsSecret(at);
      const was = former === undefined ? '' : `   (was ${isSecret ? hidden(former) : shown(former, key)})`;
      return `  ${safe(pathText(at))} = ${shown(valueAt(after, at), key)}${was}\n`;
    });
  return `${found.path}${found.text === null ? ' (new)' : ''}\n${lines.join('')}`;
}

/** Whether a place is one for keys: whatever somebody has put there is shown nowhere. */
function holdsSecret(at: readonly Step[]): boolean {
  const name = at.at(-1);
  return typeof name === 'string' && /(?:api[-_]?key|token|secret|password)$/i.test(name);
}

/** An empty place is told; it is no secret. */
function hidden(former: unknown): string {
  return former === '' || former === null ? JSON.stringify(former) : '(a key)';
}

const VALUE_WIDTH_MAX = 80;

function shown(value: unknown, key: string | null): string {
  if (key !== null && value === key) return '(the key)';
  const text = typeof value === 'string' && looksSecret(value) ? '(a key)' : JSON.stringify(value);
  return safe(text.length > VALUE_WIDTH_MAX ? `${text.slice(0, VALUE_WIDTH_MAX - 1)}…` : text);
}

/** What stood there before may be somebody's key: long, and of one piece. */
function looksSecret(text: string): boolean {
  return /^(sk|key|token|pk)[-_]/i.test(text) || /^[A-Za-z0-9_-]{32,}$/.test(text);
}

/** What became of the files. */
export function undoneText(agent: Agent, undone: readonly Undone[]): string {
  const words = { restored: 'is as it was', removed: 'is gone again', gone: 'was gone already' } as const;
  const lines = undone.flatMap(({ path, outcome, left, backup }) => [
    outcome === 'taken-out'
      ? `${path} was changed since, so only what Flow had put in was taken out.\n`
      : `${path} ${words[outcome]}.\n`,
    ...(left.length === 0 ? [] : [`  Left, since it was changed by somebody else: ${left.join(', ')}\n`]),
    ...(backup === null ? [] : [`  The file from before is still there: ${backup}\n`]),
  ]);
  return `${lines.join('')}${agent.title} is no longer connected.\n`;
}
