/** Help texts, made from the commands themselves. */
import type { Command } from './command.ts';

/** Options that every command takes. */
export const SHARED_OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'data-dir': { type: 'string' },
  'models-dir': { type: 'string' },
  'api-key': { type: 'string' },
  'llama-server': { type: 'string' },
  'engine-port': { type: 'string' },
  log: { type: 'string' },
  'log-format': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const SHARED_HELP: readonly (readonly [string, string])[] = [
  ['--host HOST, --port PORT', 'where Flow listens'],
  ['--data-dir DIR', 'where it keeps its data (default ~/.flow)'],
  ['--api-key KEY', 'the key it asks for; better in FLOW_API_KEY, since process lists show flags'],
  ['--json', 'data only, as JSON on stdout'],
];
const SERVE_HELP: readonly (readonly [string, string])[] = [
  ['--models-dir DIR', 'folder that holds the models'],
  ['--llama-server PATH', 'a llama-server to use instead of those found'],
  ['--engine-port PORT', 'where the ports of engines begin (default 8081)'],
  ['--log LEVEL', 'error, warning, info or debug'],
  ['--log-format FORMAT', 'how its own lines are told on stderr: text, json or off'],
];

/** What `flow help` prints. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((one) => one.name.length));
  const lines = commands.map((one) => `  ${one.name.padEnd(width)}  ${one.summary}`);
  return [
    'Flow lends the models on this machine to any agent, just in time.',
    '',
    'Usage: flow [COMMAND] [OPTIONS]',
    '',
    ...lines,
    '',
    'Every command takes --help and --json; --host, --port, --data-dir and --api-key say which Flow is meant.',
    'Examples:',
    '  flow                      start, or say where it runs',
    '  flow run flow-demo hello  try the whole path before the first download',
    '',
  ].join('\n');
}

/** What `flow COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const own = Object.entries(command.options ?? {}).map(([name, option]) => {
    const short = option.short ? `-${option.short}, ` : '';
    const value = option.type === 'string' ? ' VALUE' : '';
    const fallback = typeof option.default === 'string' ? `default ${option.default}` : '';
    return [`${short}--${name}${value}`, fallback] as const;
  });
  const options = [...own, ...(command.name === 'serve' ? SERVE_HELP : []), ...SHARED_HELP];
  const width = Math.max(...options.map(([option]) => option.length));
  return [
    `Usage: flow ${command.name}${command.usage ? ` ${command.usage}` : ''}`,
    '',
    command.summary,
    '',
    'Options:',
    ...options.map(([option, meaning]) => `  ${option.padEnd(width)}  ${meaning}`.trimEnd()),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}
