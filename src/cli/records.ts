/** `flow requests` and `flow logs`: what happened. */
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { FLOW_SOURCE } from '#src/logs/logs.ts';
import { type Command, EXIT, print, wholeNumber } from './command.ts';
import { BrokenOff, eventData } from './event-data.ts';
import { objects, resolvedId } from './models.ts';
import { cut, safe, table } from './terminal.ts';

const count = (value: unknown): string => String(numberOrNull(value) ?? '–');
const milliseconds = (value: unknown): string => {
  const ms = numberOrNull(value);
  if (ms === null) return '–';
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
};

/** `flow requests`: open ones first, then the record. */
export const requestsCommand: Command = {
  name: 'requests',
  usage: '',
  summary: 'Show open and recent requests',
  examples: ['flow requests', 'flow requests --limit 100 --json'],
  options: { limit: { type: 'string', default: '20' } },
  positionals: [0, 0],
  async run(context) {
    const limit = wholeNumber(context, 'limit');
    const [open, past] = await Promise.all([
      context.api.json('GET', '/api/requests'),
      context.api.json('GET', `/api/telemetry?limit=${limit}`),
    ]);
    const running = isObject(open.requests)
      ? Object.values(open.requests)
          .flatMap((list) => objects(list))
          .filter((one) => numberOrNull(one.completed_at) === null)
      : [];
    const rows = [...running.map(openRow), ...objects(past.records).map(pastRow)];
    print(context, { open: running, recent: past.records }, () =>
      rows.length === 0 ? 'No requests yet.\n' : table(HEADINGS, rows, context.terminal.columns),
    );
    return EXIT.ok;
  },
};

const HEADINGS = ['WHEN', 'MODEL', 'ROUTE', 'STATE', 'IN', 'OUT', 'TTFT', 'TOKENS/S'] as const;

function openRow(one: JsonObject): readonly string[] {
  return ['now', ...facts(one, stringOrNull(one.stage))];
}

function pastRow(one: JsonObject): readonly string[] {
  const state = one.outcome === 'completed' ? 'done' : (stringOrNull(one.error) ?? stringOrNull(one.outcome));
  return [clockTime(one.timestamp), ...facts(one, state)];
}

function facts(one: JsonObject, state: string | null): readonly string[] {
  return [
    stringOrNull(one.model_id) ?? '–',
    stringOrNull(one.route) ?? '–',
    cut(state ?? '–', STATE_WIDTH_MAX),
    count(one.input_tokens),
    count(one.output_tokens),
    milliseconds(one.ttft_ms),
    numberOrNull(one.tokens_per_sec)?.toFixed(1) ?? '–',
  ];
}

const STATE_WIDTH_MAX = 60;

function clockTime(when: unknown): string {
  const date = new Date(typeof when === 'string' || typeof when === 'number' ? when : Number.NaN);
  return Number.isNaN(date.getTime()) ? '–' : date.toLocaleTimeString([], { hour12: false });
}

/** `flow logs`: the last lines, or with `-f` those that come. */
export const logsCommand: Command = {
  name: 'logs',
  usage: '[MODEL | flow]',
  summary: 'Print logs, merged by time or of one model; -f follows',
  examples: ['flow logs', 'flow logs flow-demo -f', 'flow logs flow --lines 1000'],
  options: { follow: { type: 'boolean', short: 'f' }, lines: { type: 'string', default: '200' } },
  positionals: [0, 1],
  async run(context) {
    const { api, terminal, isJson, signal } = context;
    const query = new URLSearchParams({ lines: String(wholeNumber(context, 'lines')) });
    const [name] = context.positionals;
    if (name) query.set('model_id', name === FLOW_SOURCE ? name : await resolvedId(context, name));
    const line = (entry: JsonObject): string => shown(entry, name === undefined);
    if (context.flags.follow !== true) {
      const answer = await api.json('GET', `/api/logs?${query}`);
      print(context, answer, () => objects(answer.entries).map(line).join(''));
      return EXIT.ok;
    }
    query.set('follow', '1');
    try {
      const response = await api.open('GET', `/api/logs?${query}`, undefined, signal);
      for await (const entry of eventData(response)) {
        if (isObject(entry)) terminal.out(isJson ? `${JSON.stringify(entry)}\n` : line(entry));
        else if (typeof entry === 'number') terminal.say(`(${entry} lines came too fast and are not shown)\n`);
      }
    } catch (cause) {
      if (!signal.aborted && !(cause instanceof BrokenOff)) throw cause;
    }
    if (signal.aborted) return EXIT.interrupted;
    terminal.say('Flow has ended.\n');
    return EXIT.notRunning;
  },
};

function shown(entry: JsonObject, isMerged: boolean): string {
  const source = isMerged ? `[${stringOrNull(entry.source) ?? ''}] ` : '';
  return `${clockTime(entry.atMs)} ${safe(source + (stringOrNull(entry.text) ?? ''))}\n`;
}
