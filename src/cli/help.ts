/** Help texts, made from the commands themselves. */
import type { Command } from './command.ts';

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
  const options = Object.entries(command.options ?? {}).map(
    ([name, option]) =>
      `  ${option.short ? `-${option.short}, ` : ''}--${name}${option.type === 'string' ? ' VALUE' : ''}`,
  );
  return [
    `Usage: flow ${command.name}${command.usage ? ` ${command.usage}` : ''}`,
    '',
    command.summary,
    ...(options.length > 0 ? ['', 'Options:', ...options] : []),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}
