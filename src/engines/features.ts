/** What one build of llama-server can do, as its own `--help` says: flags come and go between builds. */

export type EngineFeatures = {
  /** Every flag it lists, long and short. */
  readonly flags: ReadonlySet<string>;
  /**
   * Whether verbosity 4 is "trace" (memory sizes, no prompts). In older builds 4 was "everything", prompts included.
   */
  readonly hasTraceLevel: boolean;
  /** Whether `--n-gpu-layers auto` is understood. */
  readonly hasAutoGpuLayers: boolean;
  /** Ways of drafting tokens that `--spec-type` takes; empty in builds without it. */
  readonly draftTypes: ReadonlySet<string>;
};

/** One line of `--help`: the names of a flag and how many values follow it. */
export type HelpFlag = { readonly names: readonly string[]; readonly valueCount: 0 | 1 | 2 };

const NAME = /^(--?[A-Za-z][\w.-]*)(,?)( *)/;

/** Reads the features out of the text of `--help`. */
export function readFeatures(help: string): EngineFeatures {
  return {
    flags: new Set(readHelp(help).flatMap((flag) => flag.names)),
    hasTraceLevel: /^\s+- 4: trace/m.test(help),
    hasAutoGpuLayers: /^\s*'auto', or 'all'/m.test(help),
    draftTypes: new Set(/^--spec-type (\S+)/m.exec(help)?.[1]?.split(',') ?? []),
  };
}

/**
 * Reads every flag out of the text of `--help`, in its order. A value name follows the last flag name after one space.
 */
export function readHelp(help: string): HelpFlag[] {
  return help
    .split('\n')
    .filter((line) => /^--?[A-Za-z]/.test(line))
    .map(readHelpLine);
}

function readHelpLine(line: string): HelpFlag {
  const names: string[] = [];
  let rest = line.trimEnd();
  for (let match = NAME.exec(rest); match; match = NAME.exec(rest)) {
    const [whole, name = '', comma, gap = ''] = match;
    names.push(name);
    rest = rest.slice(whole.length);
    if (comma === '') return { names, valueCount: gap === ' ' ? countValues(rest) : 0 };
  }
  return { names, valueCount: 0 };
}

function countValues(rest: string): 0 | 1 | 2 {
  const operands = rest.split(/\s{2,}/)[0] ?? '';
  if (operands === '') return 0;
  return operands === 'START END' ? 2 : 1;
}
