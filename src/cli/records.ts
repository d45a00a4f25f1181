/** `flow requests` and `flow logs`: what happened. */
import { isObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type Command, EXIT, print } from './command.ts';
import { objects } from './models.ts';
import { safe, table } from './terminal.ts';

const count = (value: unknown): string => String(numberOrNull(value) ?? '–');
const milliseconds = (value: unknown): string => {
  const ms = numberOrNull(value);
  if (ms === null) return '–';
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
};

export const requestsCommand: Command = {
  name: 'requests',
  usage: '',
  summary: 'Show open and recent requests',
  examples: ['flow requests', 'flow requests --limit 100 --json'],
  options: { limit: { type: 'string', default: '20' } },
  positionals: [0, 0],
  async run(context) {
    const limit = encodeURIComponent(String(context.flags.limit));
    const [open, past] = await Promise.all([
      context.api.json('GET', '/api/requests'),
      context.api.json('GET', `/api/telemetry?limit=${limit}`),
    ]);
    const running = isObject(open.requests)
      ? Object.values(open.requests)
          .flatMap((list) => objects(list))
          .filter((one) => numberOrNull(one.completed_at) === null)
      : [];
    print(context, { open: running, recent: past.records }, () =>
      table(
        ['WHEN', 'MODEL', 'ROUTE', 'STATE', 'IN', 'OUT', 'TTFT', 'TOKENS/S'],
        [
          ...running.map((one) => [
            'now',
            one.model_id,
            one.route,
            one.stage,
            one.input_tokens,
            one.output_tokens,
            one.ttft_ms,
            one.tokens_per_sec,
          ]),
          ...objects(past.records).map((one) => [
            one.timestamp,
            one.model_id,
            one.route,
            one.termination === '--' ? 'done' : (one.error ?? one.termination),
            one.input_tokens,
            one.output_tokens,
            one.ttft_ms,
            one.tokens_per_sec,
          ]),
        ].map(([when, model, route, state, input, output, ttft, speed]) => [
          clockTime(when),
          stringOrNull(model) ?? '–',
          stringOrNull(route) ?? '–',
          (stringOrNull(state) ?? '–').slice(0, 40),
          count(input),
          count(output),
          milliseconds(ttft),
          numberOrNull(speed)?.toFixed(1) ?? '–',
        ]),
      ),
    );
    return EXIT.ok;
  },
};

function clockTime(when: unknown): string {
  if (when === 'now') return 'now';
  const date = new Date(typeof when === 'string' || typeof when === 'number' ? when : Number.NaN);
  return Number.isNaN(date.getTime()) ? '–' : date.toLocaleTimeString([], { hour12: false });
}

export const logsCommand: Command = {
  name: 'logs',
  usage: '[MODEL]',
  summary: 'Print logs, merged by time or of one model; -f follows',
  examples: ['flow logs', 'flow logs flow-demo -f', 'flow logs --lines 1000'],
  options: { follow: { type: 'boolean', short: 'f' }, lines: { type: 'string', default: '200' } },
  positionals: [0, 1],
  async run(context) {
    const query = new URLSearchParams({ lines: String(context.flags.lines) });
    const [model] = context.positionals;
    if (model) query.set('model_id', model);
    if (context.flags.follow !== true) {
      const answer = await context.api.json('GET', `/api/logs?${query}`);
      const lines = Array.isArray(answer.logs) ? answer.logs.map(String) : [];
      print(context, answer, () => lines.map((line) => `${safe(line)}\n`).join(''));
      return EXIT.ok;
    }
    query.set('follow', '1');
    const response = await context.api.open('GET', `/api/logs?${query}`, undefined, context.signal);
    await follow(
      response,
      (line) => context.terminal.out(context.isJson ? `${JSON.stringify(line)}\n` : `${safe(line)}\n`),
      context.signal,
    );
    return context.signal.aborted ? EXIT.interrupted : EXIT.ok;
  },
};

/** Each `data:` of the stream is one entry as JSON, `{source, line, …}`. */
async function follow(response: Response, show: (line: string) => void, signal: AbortSignal): Promise<void> {
  if (!response.body) return;
  let rest = '';
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((one) => one.startsWith('data:'))) {
        const entry: unknown = JSON.parse(line.slice(5));
        for (const one of Array.isArray(entry) ? objects(entry) : isObject(entry) ? [entry] : []) {
          show(`[${stringOrNull(one.source) ?? ''}] ${stringOrNull(one.line) ?? ''}`);
        }
      }
    }
  } catch (cause) {
    if (!signal.aborted) throw cause;
  }
}
