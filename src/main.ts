#!/usr/bin/env bun
/** `flow`: reads the command line and runs one command. Nothing heavy is imported until a command needs it. */
import { parseArgs } from 'node:util';
import packageFile from '../package.json' with { type: 'json' };
import { addressOf } from './cli/address.ts';
import type { Command, Context } from './cli/command.ts';
import { EXIT } from './cli/command.ts';
import { completionsCommand } from './cli/completions.ts';
import { connectCommand } from './cli/connect.ts';
import { doctorCommand } from './cli/doctor.ts';
import { enginesCommand } from './cli/engines.ts';
import { externalCommand } from './cli/external.ts';
import { fitCommand } from './cli/fit.ts';
import { GatewayApi } from './cli/gateway-api.ts';
import { commandHelp, overview, SHARED_OPTIONS } from './cli/help.ts';
import { importCommand } from './cli/import.ts';
import { Interrupt } from './cli/interrupt.ts';
import { keysCommand } from './cli/keys.ts';
import { exemptLoopback } from './cli/loopback.ts';
import { loadCommand, modelsCommand, psCommand, unloadCommand } from './cli/models.ts';
import { nearestName } from './cli/nearest.ts';
import { pullCommand } from './cli/pull.ts';
import { logsCommand, requestsCommand } from './cli/records.ts';
import { runCommand } from './cli/run.ts';
import { serviceCommand } from './cli/service.ts';
import { addCommand, aliasCommand, rmCommand, undoCommand } from './cli/shelf.ts';
import { systemTerminal, type Terminal } from './cli/terminal.ts';
import { exitCodeOf, wordsOf } from './cli/trouble.ts';
import { Fault } from './faults.ts';

/** The gateway itself; imported only when asked for, because it brings everything else. */
const serveCommand: Command = {
  name: 'serve',
  usage: '',
  summary: 'Start the gateway in the foreground (what plain "flow" does)',
  examples: ['flow', 'flow serve --port 4000', 'FLOW_API_KEY=… flow serve --host 0.0.0.0'],
  positionals: [0, 0],
  run: async (context) => (await import('./serve.ts')).serve(context, process.argv[2] === 'serve'),
};

/** In the order of the README. */
const COMMANDS: readonly Command[] = [
  serveCommand,
  pullCommand,
  runCommand,
  psCommand,
  modelsCommand,
  requestsCommand,
  logsCommand,
  loadCommand,
  unloadCommand,
  addCommand,
  rmCommand,
  undoCommand,
  aliasCommand,
  fitCommand,
  connectCommand,
  externalCommand,
  keysCommand,
  importCommand,
  enginesCommand,
  serviceCommand,
  doctorCommand,
  completionsCommand(() => COMMANDS),
];

/** What the first word asks for; flags without a command are those of `serve`. */
function commandName(first: string | undefined): string {
  if (first === undefined) return 'serve';
  if (first === '-h' || first === '--help') return 'help';
  if (first === '-v' || first === '--version') return 'version';
  return first.startsWith('-') ? 'serve' : first;
}

/** Runs the command line and returns the exit code. */
async function main(argv: readonly string[], terminal: Terminal, environment: Context['environment']): Promise<number> {
  const [first, ...rest] = argv;
  const name = commandName(first);
  if (name === 'version') {
    terminal.out(`flow ${packageFile.version}\n`);
    return EXIT.ok;
  }
  if (name === 'help' && rest.length === 0) {
    terminal.out(overview(COMMANDS));
    return EXIT.ok;
  }
  try {
    const command = commandNamed(name === 'help' ? (rest[0] ?? '') : name);
    if (name !== 'help') return await perform(command, first?.startsWith('-') ? argv : rest, terminal, environment);
    terminal.out(commandHelp(command));
    return EXIT.ok;
  } catch (cause) {
    terminal.say(wordsOf(cause));
    return exitCodeOf(cause);
  }
}

function commandNamed(name: string): Command {
  const command = COMMANDS.find((one) => one.name === name);
  if (command) return command;
  const near = nearestName(name, ['help', 'version', ...COMMANDS.map((one) => one.name)]);
  const hint = near ? `Did you mean "flow ${near}"?` : 'See "flow help".';
  throw new Fault('invalid-request', `flow: there is no command "${name}".`, { hint });
}

async function perform(
  command: Command,
  argv: readonly string[],
  terminal: Terminal,
  environment: Context['environment'],
): Promise<number> {
  const { values, positionals } = parsed(command, argv);
  if (values.help === true) {
    terminal.out(commandHelp(command));
    return EXIT.ok;
  }
  const [fewest, most] = command.positionals;
  if (positionals.length < fewest || positionals.length > most) {
    const hint = `See "flow ${command.name} --help".`;
    throw new Fault('invalid-request', `Usage: flow ${`${command.name} ${command.usage}`.trim()}`, { hint });
  }
  const isServing = command.name === 'serve';
  const interrupt = new Interrupt();
  // The gateway handles its own signals, and a terminal that went away does not end it.
  if (!isServing) interrupt.listen();
  process.stdout.on('error', () => (isServing ? null : process.exit(EXIT.ok)));
  const code = await command.run({
    positionals,
    flags: values,
    isJson: values.json === true,
    api: new GatewayApi(addressOf(values, environment)),
    terminal,
    environment,
    signal: interrupt.signal,
  });
  return code === EXIT.interrupted ? interrupt.code : code;
}

function parsed(command: Command, argv: readonly string[]): { values: Context['flags']; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { ...SHARED_OPTIONS, ...command.options },
      allowPositionals: true,
      strict: true,
    });
    const flags: Record<string, string | boolean | undefined> = {};
    for (const [flag, value] of Object.entries(values)) {
      if (typeof value === 'string' || typeof value === 'boolean') flags[flag] = value;
    }
    return { values: flags, positionals };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.split('. ')[0]?.replace(/\.$/, '') : String(cause);
    throw new Fault('invalid-request', `${message}. See "flow ${command.name} --help".`, { cause });
  }
}

// As it was given: what is changed for this process's own requests is no business of the commands.
const environment: Context['environment'] = { ...process.env };
exemptLoopback(process.env);
const terminal = systemTerminal(environment);
const code = await main(process.argv.slice(2), terminal, environment);
await terminal.flush();
process.exit(code);
