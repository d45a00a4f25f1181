/** `flow doctor`. */
import { type Command, EXIT } from './command.ts';

export const doctorCommand: Command = {
  name: 'doctor',
  usage: '',
  summary: 'Find what is wrong with the set-up, and say the fix',
  examples: ['flow doctor', 'flow doctor --json'],
  positionals: [0, 0],
  run: async () => EXIT.ok,
};
