/** `flow completions`: scripts for bash, zsh and fish that complete commands and model names. */
import { AGENTS } from '#src/agents/agents.ts';
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

// Names with other characters are left out: bash would expand them as it does any word.
const MODELS = `flow models --json 2>/dev/null | sed -n 's/^ *"id": "\\([A-Za-z0-9._:@/-]*\\)".*/\\1/p'`;
const importWords = 'flow-python llama-swap llama-server huggingface llama.cpp lm-studio ollama';
const WORDS = { engines: 'install choose remove', completions: 'bash zsh fish', import: importWords } as const;
const agentNames = (): string => AGENTS.map(({ name }) => name).join(' ');

const SCRIPTS: Readonly<Record<string, (names: string) => string>> = {
  bash: (names) => `_flow() {
  local word=\${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" = 1 ]; then words='${names}'
  else case \${COMP_WORDS[1]} in
    ${WITH_MODEL.join('|')}) words=$(${MODELS});;
    engines) words='${WORDS.engines}';;
    connect) words='${agentNames()}';;
    import) words='${WORDS.import}';;
    completions) words='${WORDS.completions}';;
    help) words='${names}';;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _flow flow
`,
  zsh: (names) => `#compdef flow
if (( CURRENT == 2 )); then compadd ${names}
else case $words[2] in
  ${WITH_MODEL.join('|')}) compadd $(${MODELS});;
  engines) compadd ${WORDS.engines};;
  connect) compadd ${agentNames()};;
  import) compadd ${WORDS.import};;
  completions) compadd ${WORDS.completions};;
  help) compadd ${names};;
esac; fi
`,
  fish: (names) => `function __flow_models; ${MODELS}; end
complete -c flow -f
complete -c flow -n __fish_use_subcommand -a "${names}"
complete -c flow -n "__fish_seen_subcommand_from ${WITH_MODEL.join(' ')}" -a "(__flow_models)"
complete -c flow -n "__fish_seen_subcommand_from engines" -a "${WORDS.engines}"
complete -c flow -n "__fish_seen_subcommand_from connect" -a "${agentNames()}"
complete -c flow -n "__fish_seen_subcommand_from import" -a "${WORDS.import}"
complete -c flow -n "__fish_seen_subcommand_from completions" -a "${WORDS.completions}"
`,
};
