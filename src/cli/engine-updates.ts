/** `flow engines update`, `rollback` and `prune`: newer engines, tried before they are used, by the running Flow. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type Context, EXIT, print } from './command.ts';
import { objects } from './models.ts';
import { ProgressBar, safe } from './terminal.ts';

const POLL_MS = 250;
/** An installation and a few loads have bounds of their own; this is for a gateway that forgot it. */
const POLLS_MAX = (3 * 3600 * 1000) / POLL_MS;
const GOOD_OUTCOMES: ReadonlySet<string> = new Set(['updated', 'up-to-date']);

/** Updates one engine and says what came of it; Ctrl-C cancels it. */
export async function updateEngine(context: Context, name = 'llama.cpp'): Promise<number> {
  const { api, flags, terminal, signal } = context;
  const version = stringOrNull(flags.version);
  const model = stringOrNull(flags.model);
  await api.json('POST', '/api/engines/update', { name, ...(version && { version }), ...(model && { model }) });
  if (flags.detach === true) {
    print(context, { status: 'updating', name }, () => `${name} is being updated by Flow.\n`);
    return EXIT.ok;
  }
  const bar = new ProgressBar(terminal);
  try {
    await follow(context, bar);
  } finally {
    bar.end();
  }
  const report = lastOf(await api.json('GET', '/api/engines/update'), name);
  const outcome = stringOrNull(report.outcome) ?? '';
  if (GOOD_OUTCOMES.has(outcome)) {
    print(context, report, () => `${stepLines(report.steps)}${wordsOf(report)}`);
    return EXIT.ok;
  }
  if (context.isJson) terminal.out(`${JSON.stringify(report, null, 2)}\n`);
  else terminal.say(`${stepLines(report.steps)}${logLines(report.log)}${wordsOf(report)}`);
  return signal.aborted ? EXIT.interrupted : EXIT.engine;
}

/** Goes back to the engine that was used before the last update. */
export async function rollBackEngine(context: Context, name = 'llama.cpp'): Promise<number> {
  const answer = await context.api.json('POST', '/api/engines/rollback', { name });
  print(context, answer, () => `${safe(stringOrNull(answer.chosen) ?? name)} is used from the next load on.\n`);
  return EXIT.ok;
}

/**
 * Names the engines that Flow installed and that are neither used nor kept to go back to; with `--yes` it removes them.
 */
export async function pruneEngines(context: Context): Promise<number> {
  const { api, flags, terminal } = context;
  const [found, updates] = await Promise.all([api.json('GET', '/api/engines'), api.json('GET', '/api/engines/update')]);
  const kept = new Set(enginesOf(updates).flatMap(({ chosen, rollback_to }) => [chosen, rollback_to]));
  const parts = isObject(found.kinds) ? Object.values(found.kinds).filter(isObject) : [found];
  const spare = parts
    .flatMap(({ installed }) => objects(installed))
    .filter(({ id, origin, is_chosen }) => origin === 'installed' && is_chosen !== true && !kept.has(id));
  const ids = spare.map(({ id }) => stringOrNull(id) ?? '');
  if (flags.yes !== true || ids.length === 0) {
    const list = ids.map((id) => `${safe(id)}\n`).join('');
    const words = ids.length === 0 ? 'Nothing to remove.\n' : `${list}Remove them: flow engines prune --yes\n`;
    print(context, { removable: ids }, () => words);
    return EXIT.ok;
  }
  const removed: string[] = [];
  for (const id of ids) {
    try {
      await api.json('DELETE', `/api/engines/${encodeURIComponent(id)}`);
      removed.push(id);
    } catch (cause) {
      // One that serves a model stays; the others need not.
      if (!(cause instanceof Fault) || cause.kind !== 'conflict') throw cause;
      terminal.say(`${safe(cause.message)}\n`);
    }
  }
  print(context, { removed }, () => removed.map((id) => `${safe(id)} is removed.\n`).join(''));
  return EXIT.ok;
}

async function follow({ api, signal }: Context, bar: ProgressBar): Promise<void> {
  let isCancelled = false;
  for (let poll = 0; poll < POLLS_MAX; poll += 1) {
    if (signal.aborted && !isCancelled) {
      isCancelled = true;
      await api.json('DELETE', '/api/engines/update');
    }
    const { updating, progress } = await api.json('GET', '/api/engines/update');
    if (updating !== true) return;
    if (isObject(progress)) showProgress(bar, progress);
    await Bun.sleep(POLL_MS);
  }
}

function showProgress(bar: ProgressBar, { message, step, ratio }: JsonObject): void {
  const asked = stringOrNull(step);
  bar.show(`${stringOrNull(message) ?? 'Updating'}${asked === null ? '' : `: ${asked}`}`, numberOrNull(ratio));
}

function enginesOf({ engines }: JsonObject): readonly JsonObject[] {
  return isObject(engines) ? Object.values(engines).filter(isObject) : [];
}

function lastOf({ engines }: JsonObject, name: string): JsonObject {
  const engine = isObject(engines) ? engines[name] : null;
  return isObject(engine) && isObject(engine.last) ? engine.last : {};
}

function stepLines(steps: unknown): string {
  return objects(steps)
    .map((step) => {
      const mark = step.outcome === 'passed' ? 'ok  ' : step.outcome === 'failed' ? 'BAD ' : '–   ';
      return `${mark}${(stringOrNull(step.name) ?? '').padEnd(11)}${safe(stringOrNull(step.message) ?? '')}\n`;
    })
    .join('');
}

function logLines(log: unknown): string {
  const lines = Array.isArray(log) ? log.filter((line) => typeof line === 'string') : [];
  return lines.length === 0 ? '' : `Its last lines:\n${lines.map((line) => `  ${safe(line)}\n`).join('')}`;
}

function wordsOf({ message, model_reason, hint }: JsonObject): string {
  const lines = [stringOrNull(model_reason), stringOrNull(message) ?? 'The update ended.', stringOrNull(hint)];
  return lines.map((line) => (line === null ? '' : `${safe(line)}\n`)).join('');
}
