#!/usr/bin/env bun
/** `flow`: reads the command line and runs one command. Nothing heavy is imported until a command needs it. */
import { parseArgs } from 'node:util';
import { addressOf } from './cli/address.ts';
import type { Command, Context } from './cli/command.ts';
import { EXIT } from './cli/command.ts';
import { completionsCommand } from './cli/completions.ts';
import { GatewayApi } from './cli/gateway-api.ts';
import { commandHelp, overview } from './cli/help.ts';
import { loadCommand, modelsCommand, psCommand, unloadCommand } from './cli/models.ts';
import { logsCommand, requestsCommand } from './cli/records.ts';
import { runCommand } from './cli/run.ts';
import { systemTerminal } from './cli/terminal.ts';
import { exitCodeOf, wordsOf } from './cli/trouble.ts';
import { Fault } from './faults.ts';

const ADDRESS_OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'data-dir': { type: 'string' },
  'models-dir': { type: 'string' },
  'api-key': { type: 'string' },
  'llama-server': { type: 'string' },
  log: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** The gateway itself; imported only when asked for, because it brings everything else. */
const serveCommand: Command = {
  name: 'serve',
  usage: '',
  summary: 'Start the gateway in the foreground (what plain "flow" does)',
  examples: ['flow', 'flow serve --port 4000', 'FLOW_API_KEY=… flow serve --host 0.0.0.0'],
  positionals: [0, 0],
  run: async (context) => (await import('./serve.ts')).serve(context, process.argv[2] === 'serve'),
};

const COMMANDS: readonly Command[] = [
  serveCommand,
  psCommand,
  modelsCommand,
  runCommand,
  loadCommand,
  unloadCommand,
  logsCommand,
  requestsCommand,
  completionsCommand(() => COMMANDS.map((command) => command.name)),
];

/** Runs the command line and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const environment = process.env;
  const terminal = systemTerminal(environment);
  const [first = 'serve', ...rest] = argv;
  const name = first.startsWith('-')
    ? first === '-h' || first === '--help'
      ? 'help'
      : first === '--version'
        ? 'version'
        : 'serve'
    : first;
  if (name === 'help' && rest.length === 0) {
    terminal.out(overview(COMMANDS));
    return EXIT.ok;
  }
  const command = COMMANDS.find((one) => one.name === (name === 'help' ? rest[0] : name));
  if (!command) {
    terminal.say(`flow: there is no command "${name}". ${nearest(name)}\n`);
    return EXIT.usage;
  }
  if (name === 'help') {
    terminal.out(commandHelp(command));
    return EXIT.ok;
  }
  try {
    return await perform(command, first.startsWith('-') ? argv : rest, terminal, environment);
  } catch (cause) {
    terminal.say(wordsOf(cause));
    return exitCodeOf(cause);
  }
}

async function perform(
  command: Command,
  argv: readonly string[],
  terminal: Context['terminal'],
  environment: Context['environment'],
): Promise<number> {
  const { values, positionals } = parsed(command, argv);
  if (values.help === true) {
    terminal.out(commandHelp(command));
    return EXIT.ok;
  }
  const [fewest, most] = command.positionals;
  if (positionals.length < fewest || positionals.length > most) {
    throw new Fault('invalid-request', `Usage: flow ${command.name} ${command.usage}`);
  }
  const interrupt = new AbortController();
  if (command.name !== 'serve') process.on('SIGINT', () => interrupt.abort());
  return await command.run({
    positionals,
    flags: values,
    isJson: values.json === true,
    api: new GatewayApi(addressOf(values, environment)),
    terminal,
    environment,
    signal: interrupt.signal,
  });
}

function parsed(command: Command, argv: readonly string[]): { values: Context['flags']; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { ...ADDRESS_OPTIONS, ...command.options },
      allowPositionals: true,
      strict: true,
    });
    const flags: Record<string, string | boolean | undefined> = {};
    for (const [flag, value] of Object.entries(values)) {
      if (typeof value === 'string' || typeof value === 'boolean') flags[flag] = value;
    }
    return { values: flags, positionals };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.split('. ')[0] : String(cause);
    throw new Fault('invalid-request', `${message}. See "flow ${command.name} --help".`, { cause });
  }
}

function nearest(name: string): string {
  const close = COMMANDS.find((one) => one.name.startsWith(name.slice(0, 2)));
  return close ? `Did you mean "flow ${close.name}"?` : 'See "flow help".';
}

process.exit(await main(process.argv.slice(2)));
