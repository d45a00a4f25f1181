/**
 * Why an MLX server has ended, in words. Its exit codes say little: mlx-openai-server ends with 0 when it could not
 * load, and what Flow had to kill because it was broken ends by a signal; so the words come first.
 */
import { engineName } from '#src/engines/diagnose.ts';
import type { CrashKind, CrashReport, Ending, LaunchPlan } from '#src/engines/engine.ts';

type Verdict = {
  readonly kind: CrashKind;
  readonly isSticky: boolean;
  readonly message: string;
  readonly hint: string | null;
};
type Rule = { readonly pattern: RegExp; readonly verdict: (groups: readonly string[], plan: LaunchPlan) => Verdict };

const TAIL_LINES_MAX = 40;
const COMPLAINT_LENGTH_MAX = 300;
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
const LEVERS =
  'Try a smaller ctx_size, fewer n_parallel, fewer remembered prompts, mlx_kv_bits 8, or unload other models.';

/** The report of an ended server. Pure. */
export function diagnoseMlx(ending: Ending, plan: LaunchPlan): CrashReport {
  const tail = ending.tail.map((line) => line.replace(COLOURS, ''));
  const verdict = byText(tail, plan) ?? bySignal(ending, tail, plan) ?? byCode(ending, tail, plan);
  return { ...verdict, exitCode: ending.code, signal: ending.signal, tail: tail.slice(-TAIL_LINES_MAX) };
}

function byText(tail: readonly string[], plan: LaunchPlan): Verdict | null {
  for (const { pattern, verdict } of RULES) {
    const match = tail.map((line) => pattern.exec(line)).find((each) => each !== null);
    if (match) return verdict(match.slice(1), plan);
  }
  return null;
}

/** Tried in this order, each against every line: first what names its cause best. */
const RULES: readonly Rule[] = [
  {
    pattern: /unrecognized arguments: (\S+)|No such option: ('?-\S+)|invalid choice: (\S+)/,
    verdict: (groups, plan) => badFlag(groups.find(Boolean) ?? '', plan),
  },
  {
    pattern: /argument (-\S+): (.*)|Invalid value for '?(-[\w-]+)'?[^:]*: (.*)/,
    verdict: ([name, reason, other, otherReason], plan) => ({
      kind: 'bad-flag',
      isSticky: true,
      message: `${engineName(plan)} refused the value of \`${name ?? other}\`: ${trimmed(reason ?? otherReason)}.`,
      hint: "Change that value in the model's settings.",
    }),
  },
  {
    pattern: /Address already in use|address already in use/,
    verdict: (_, { port }) => ({
      kind: 'port-taken',
      isSticky: false,
      message: `Port ${port} was taken by another program before the MLX server could use it.`,
      hint: null,
    }),
  },
  {
    pattern: /Model type '?(\S+?)'? (?:is )?not supported/,
    verdict: ([type], plan) => ({
      kind: 'unknown',
      isSticky: true,
      message: `${engineName(plan)} does not know models of type '${type}', which ${plan.model.id} is.`,
      hint: 'A newer version may, or another MLX engine: mlx-vlm knows most models with vision.',
    }),
  },
  {
    // Libraries also name trust_remote_code where they only say that it has no effect.
    pattern: /requires importing and running a custom module|requires you to execute|trust_remote_code\s?=\s?True/,
    verdict: (_, { model }) => ({
      kind: 'bad-flag',
      isSticky: true,
      message: `${model.id} needs Python code of its own repository to be run, which is off.`,
      hint: 'Set mlx_trust_remote_code only if you trust whoever made it.',
    }),
  },
  {
    pattern: /No safetensors found in|(?:FileNotFoundError|No such file or directory).*?'([^']+)'/,
    verdict: ([path], plan) => missing(path === undefined ? 'its weights' : path, plan),
  },
  {
    pattern:
      /Repo id must be in the form|Repository Not Found|LocalEntryNotFoundError|outgoing traffic has been disabled/,
    verdict: (_, plan) => missing(plan.model.path, plan),
  },
  {
    pattern: /\[load_safetensors\] (.*)|SafetensorError: (.*)|Error while deserializing header: (.*)/,
    verdict: (groups, plan) => damaged(groups.find(Boolean) ?? '', plan),
  },
  {
    pattern:
      /(JSONDecodeError: .*)|Missing (\d+ parameters): |(Expected shape .*)|(Received \d+ parameters not in model)/,
    verdict: (groups, plan) => damaged(groups.find(Boolean) ?? '', plan),
  },
  {
    pattern:
      /MemoryError|std::bad_alloc|Insufficient Memory|\[malloc(?:_or_wait)?\] |kIOGPU\w*OutOfMemory|annot allocate mem/,
    verdict: (_, plan) => outOfMemory('this machine has too little left', plan),
  },
  {
    pattern: /\[metal::malloc\] (.*)/,
    verdict: ([what], plan) => outOfMemory(trimmed(what), plan),
  },
  {
    pattern: /(?:ModuleNotFoundError|ImportError): (.*)|No module named '(\S+)'/,
    verdict: ([reason, name], plan) => brokenEnvironment(trimmed(reason ?? `No module named ${name ?? ''}`), plan),
  },
  {
    pattern: /bad interpreter|(?:exec|sh|guard).*: (?:not found|No such file)/,
    verdict: (_, plan) => brokenEnvironment('the Python that it was made for is gone', plan),
  },
  {
    // Flow has killed it then, which must not be taken for the system's doing.
    pattern: /generation thread died: (.*)/,
    verdict: ([reason], plan) => ({
      kind: 'unknown',
      isSticky: false,
      message: `${engineName(plan)} gave up ${plan.model.id}: ${trimmed(reason)}.`,
      hint: 'Its last lines may say more.',
    }),
  },
];

function badFlag(flag: string, plan: LaunchPlan): Verdict {
  const name = flag.replaceAll("'", '');
  const isExtra = plan.launch.extra_args.some((item) => item.split('=')[0] === name);
  const whence = isExtra ? `, which is among the extra arguments of ${plan.model.id}` : '';
  return {
    kind: 'bad-flag',
    isSticky: true,
    message: `${engineName(plan)} does not know \`${name}\`${whence}.`,
    hint: isExtra ? "Remove it from the model's extra arguments." : 'Choose a newer version of the engine.',
  };
}

function missing(what: string, { model }: LaunchPlan): Verdict {
  return {
    kind: 'missing-file',
    isSticky: true,
    message: `${model.id} could not be found whole: ${what} is missing.`,
    hint: model.isManaged ? 'Download the model again.' : 'Put its files back, or remove the model from the list.',
  };
}

function damaged(why: string, { model }: LaunchPlan): Verdict {
  return {
    kind: 'corrupt-file',
    isSticky: true,
    message: `A file of ${model.id} is damaged or incomplete: ${trimmed(why)}.`,
    hint: model.isManaged ? 'Download the model again.' : 'Get the files again from where they came.',
  };
}

function outOfMemory(what: string, { model, launch }: LaunchPlan): Verdict {
  const asked = `ctx_size ${launch.ctx_size}, n_parallel ${launch.n_parallel}`;
  const size = `${(model.sizeBytes / 1e9).toFixed(1)} GB of weights`;
  return {
    kind: 'out-of-memory',
    isSticky: false,
    message: `Memory ran out with ${model.id}: ${what} (${size}, ${asked}).`,
    hint: LEVERS,
  };
}

function brokenEnvironment(why: string, plan: LaunchPlan): Verdict {
  return {
    kind: 'not-executable',
    isSticky: true,
    message: `${engineName(plan)} cannot run: ${why}.`,
    hint: `Install it again: \`flow engines install ${plan.engine.kind}\`.`,
  };
}

function bySignal({ code, signal: told, wasReady }: Ending, tail: readonly string[], plan: LaunchPlan): Verdict | null {
  // The guard ends as a shell does: 128 and the number of the signal.
  const signal = told ?? (code === 137 ? 'SIGKILL' : code === 143 ? 'SIGTERM' : code === 134 ? 'SIGABRT' : null);
  const { model } = plan;
  if (signal === 'SIGKILL' && !wasReady) {
    return outOfMemory('the system killed the server, as it does when memory is short', plan);
  }
  if (signal === 'SIGILL') return brokenEnvironment('it needs CPU instructions that this machine does not have', plan);
  if (signal === 'SIGKILL' || signal === 'SIGTERM') {
    const hint = signal === 'SIGKILL' ? 'If memory was short, the system may have done it.' : null;
    const message = `${engineName(plan)} of ${model.id} was killed from outside (${signal}).`;
    return { kind: 'killed', isSticky: false, message, hint };
  }
  if (signal === null) return null;
  const message = `${engineName(plan)} of ${model.id} crashed ${wasReady ? 'while serving' : 'while loading'} (${signal})${because(tail)}.`;
  return { kind: 'unknown', isSticky: false, message, hint: 'Another version of the engine may not.' };
}

function byCode({ code }: Ending, tail: readonly string[], plan: LaunchPlan): Verdict {
  if (code === 126 || code === 127) return brokenEnvironment('its program cannot be executed', plan);
  const message = `${engineName(plan)} of ${plan.model.id} ended with code ${code ?? 'unknown'}${because(tail)}.`;
  return { kind: 'unknown', isSticky: false, message, hint: 'Its last lines may say more.' };
}

/** What a traceback says in its last line, or the last line that complains. */
function because(tail: readonly string[]): string {
  const raised = tail.findLast((line) => /^(?:\w+\.)*\w*(?:Error|Exception)\b/.test(line));
  const complaint = raised ?? tail.findLast((line) => /\bERROR\b|what\(\):/.test(line));
  return complaint === undefined ? '' : `: ${trimmed(complaint)}`;
}

function trimmed(text = ''): string {
  return text
    .trim()
    .replace(/[.\s]+$/, '')
    .slice(0, COMPLAINT_LENGTH_MAX);
}
