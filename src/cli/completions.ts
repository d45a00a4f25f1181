/** `flow completions`: scripts for bash, zsh and fish that complete commands and model names. */
import { Fault } from '#src/faults.ts';
import { type Command, EXIT } from './command.ts';

const WITH_MODEL = ['run', 'load', 'unload', 'logs'] as const;

/** Makes the command; the commands come in as a question, since the list of commands contains this one. */
export function completionsCommand(commands: () => readonly Command[]): Command {
  return {
    name: 'completions',
    usage: 'SHELL',
    summary: 'Print a completion script for bash, zsh or fish',
    examples: [
      'flow completions bash > ~/.local/share/bash-completion/completions/flow',
      'flow completions fish | source',
    ],
    positionals: [1, 1],
    async run({ positionals, terminal }) {
      const [shell = ''] = positionals;
      const script = SCRIPTS[shell];
      if (!script)
        throw new Fault('invalid-request', `There is no script for "${shell}"; there are bash, zsh and fish.`);
      terminal.out(script(['help', ...commands().map(({ name }) => name)].join(' ')));
      return EXIT.ok;
    },
  };
}

const MODELS = `flow models --json 2>/dev/null | sed -n 's/^ *"id": "\\(.*\\)",*$/\\1/p'`;

const SCRIPTS: Readonly<Record<string, (names: string) => string>> = {
  bash: (names) => `_flow() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W "${names}" -- "$word")); return; fi
  case \${COMP_WORDS[1]} in ${WITH_MODEL.join('|')}) COMPREPLY=($(compgen -W "$(${MODELS})" -- "$word"));; esac
}
complete -F _flow flow
`,
  zsh: (names) => `#compdef flow
if (( CURRENT == 2 )); then compadd ${names}
else case $words[2] in ${WITH_MODEL.join('|')}) compadd $(${MODELS});; esac; fi
`,
  fish: (names) => `complete -c flow -f
complete -c flow -n __fish_use_subcommand -a "${names}"
complete -c flow -n "__fish_seen_subcommand_from ${WITH_MODEL.join(' ')}" -a "(${MODELS})"
`,
};
