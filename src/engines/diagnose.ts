/**
 * Says why an engine ended. llama-server exits with 1 for nearly everything, so its last lines decide; the texts are
 * those
 * of the builds from 2025 to October 2026, of ggml's backends and of the loaders of Linux and macOS.
 */
import { basename } from 'node:path';
import type { CrashKind, CrashReport, Ending, LaunchPlan } from './engine.ts';

type Verdict = {
  readonly kind: CrashKind;
  readonly isSticky: boolean;
  readonly message: string;
  readonly hint: string | null;
};
type Rule = {
  readonly patterns: readonly RegExp[];
  readonly verdict: (groups: readonly string[], plan: LaunchPlan) => Verdict;
};

const TAIL_LINES_MAX = 40;
/** Of what an engine says of a file: the words may be the file's own. */
const REASON_LENGTH_MAX = 300;

/** The report of an ended engine. Pure. */
export function diagnose(ending: Ending, plan: LaunchPlan): CrashReport {
  const signal = ending.signal ?? signalOf(ending.code);
  const verdict =
    byText(ending.tail, plan) ?? bySignal(signal, ending, plan) ?? byLastWord(ending, plan) ?? byCode(ending, plan);
  return { ...verdict, exitCode: ending.code, signal, tail: ending.tail.slice(-TAIL_LINES_MAX) };
}

/** The report of a load that showed no sign of life for `stallS` seconds and was given up. */
export function loadStalled(plan: LaunchPlan, stallS: number, tail: readonly string[]): CrashReport {
  return {
    kind: 'load-stalled',
    isSticky: false,
    message: `Loading ${plan.model.id} was given up: ${engineName(plan)} showed no sign of life for ${stallS} s.`,
    hint: 'See its log; a slow disk may need a larger load_stall_seconds.',
    exitCode: null,
    signal: null,
    tail: tail.slice(-TAIL_LINES_MAX),
  };
}

/** The report of a start that was ended because another program answered on its port; `message` says so. */
export function portUsurped(message: string, { code, signal, tail }: Ending): CrashReport {
  const ends = { exitCode: code, signal, tail: tail.slice(-TAIL_LINES_MAX) };
  return { kind: 'port-taken', isSticky: false, message, hint: null, ...ends };
}

function byText(tail: readonly string[], plan: LaunchPlan): Verdict | null {
  for (const { patterns, verdict } of RULES) {
    for (const pattern of patterns) {
      const match = tail.map((line) => pattern.exec(line)).find((each) => each !== null);
      if (match) return verdict(match.slice(1), plan);
    }
  }
  return null;
}

const PROGRAMS: Readonly<Record<LaunchPlan['engine']['kind'], string>> = {
  'llama.cpp': 'llama-server',
  'mlx-lm': 'mlx-lm',
  'mlx-openai-server': 'mlx-openai-server',
  'mlx-vlm': 'mlx-vlm',
};

/** The engine of a plan in words: its program, and its version where it is known. */
export function engineName({ engine }: LaunchPlan): string {
  return engine.version === null ? PROGRAMS[engine.kind] : `${PROGRAMS[engine.kind]} ${engine.version}`;
}

const LEVERS =
  'Try a smaller ctx_size, fewer n_parallel, a smaller cache type, fewer gpu_layers, or unload other models.';

/** Tried in this order, each against every line: first what names its cause best. */
const RULES: readonly Rule[] = [
  {
    patterns: [/error while loading shared libraries: ([^:]+):/],
    verdict: ([library], plan) => missingLibrary(library, plan),
  },
  { patterns: [/Library not loaded: (\S+)/], verdict: ([library], plan) => missingLibrary(library, plan) },
  {
    patterns: [/version [`']((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found/],
    verdict: ([version], plan) => ({
      kind: 'missing-library',
      isSticky: true,
      message: `${engineName(plan)} cannot run: this system is older than it needs (${version} is missing).`,
      hint: 'Install an engine made for this system, for example by the package manager.',
    }),
  },
  {
    patterns: [/[Ee]xec format error|cannot execute binary file|Bad CPU type in executable/],
    verdict: (_, plan) => notExecutable(plan, 'is not a program for this kind of machine'),
  },
  {
    patterns: [/(?:exec|sh|guard).*: Permission denied/],
    verdict: (_, plan) => notExecutable(plan, 'may not be executed (permission denied)'),
  },
  {
    patterns: [/error: invalid argument: (\S+)/],
    verdict: ([flag], plan) => ({
      kind: 'bad-flag',
      isSticky: true,
      message: `${engineName(plan)} does not know \`${flag}\`${origin(flag, plan)}.`,
      hint: isExtra(flag, plan)
        ? "Remove it from the model's extra arguments, or choose a newer engine."
        : 'Choose a newer engine.',
    }),
  },
  {
    patterns: [/error while handling argument "([^"]+)": (.*)/],
    verdict: ([flag, reason], plan) => ({
      kind: 'bad-flag',
      isSticky: true,
      message: `${engineName(plan)} refused the value of \`${flag}\`${origin(flag, plan)}: ${trimmed(reason)}.`,
      hint: "Change that value in the model's settings.",
    }),
  },
  {
    patterns: [/quantized V cache requires flash_attn|V cache quantization requires flash_attn/],
    verdict: (_, { launch, model }) => ({
      kind: 'bad-flag',
      isSticky: true,
      message: `${model.id} cannot use cache_type_v ${launch.cache_type_v} with flash_attn ${launch.flash_attn}.`,
      hint: 'Set flash_attn to on, or cache_type_v to f16.',
    }),
  },
  {
    patterns: [/(K|V) cache type (\S+) with block size \d+ does not divide/],
    verdict: ([side, type], { model }) => ({
      kind: 'bad-flag',
      isSticky: true,
      message: `${model.id} cannot keep its ${side} cache as ${type}: its heads have another size.`,
      hint: 'Set cache_type_k and cache_type_v to f16.',
    }),
  },
  {
    patterns: [/model doesn't contain MTP layers|failed to create MTP context/],
    verdict: (_, plan) => nothingToDraftBy(plan),
  },
  {
    patterns: [/couldn't bind HTTP server socket.*port: ?(\d+)/],
    verdict: ([port]) => portTaken(port),
  },
  { patterns: [/bind\(\).*[Aa]ddress already in use|EADDRINUSE/], verdict: (_, plan) => portTaken(String(plan.port)) },
  {
    patterns: [/insufficient memory \(attempted to allocate\s+([\d.]+ MB)\)/],
    verdict: ([amount], plan) => outOfMemory(`one piece of ${amount} could not be had`, plan),
  },
  {
    patterns: [/failed to allocate (\S+) buffer of size (\d+)/],
    verdict: ([device, bytes], plan) => outOfMemory(`${gigabytes(bytes)} on ${device} could not be had`, plan),
  },
  {
    patterns: [/allocating ([\d.]+ MiB) on device (\d+): cudaMalloc failed: out of memory/],
    verdict: ([amount, device], plan) => outOfMemory(`${amount} on GPU ${device} could not be had`, plan),
  },
  {
    patterns: [
      /cudaMalloc failed: out of memory|CUDA error: out of memory|hipErrorOutOfMemory|ErrorOutOfDeviceMemory/,
      /kIOGPUCommandBufferCallbackErrorOutOfMemory|Insufficient Memory \(/,
    ],
    verdict: (_, plan) => outOfMemory('the GPU has too little left', plan),
  },
  {
    patterns: [
      /std::bad_alloc|ErrorOutOfHostMemory|[Cc]annot allocate memory|mem_buffer != NULL|out of memory/,
      /unable to allocate \S+ buffer|failed to allocate buffer for/,
    ],
    verdict: (_, plan) => outOfMemory('this machine has too little left', plan),
  },
  {
    patterns: [/failed to open (?:GGUF file )?'?(.+?)'?:? \(?(No such file or directory|Permission denied)/],
    verdict: ([path, reason], plan) => missingFile(path, reason, plan),
  },
  {
    patterns: [/unknown model architecture: '([^']+)'/],
    verdict: ([architecture = ''], plan) => ({
      kind: 'unknown',
      isSticky: true,
      message: `${engineName(plan)} does not know the architecture '${architecture.slice(0, 64)}' of ${plan.model.id}.`,
      hint: 'A newer engine may.',
    }),
  },
  {
    patterns: [/failed to (?:apply|load) lora adapter:? ?(.*)/],
    verdict: ([reason], plan) => ({
      kind: 'bad-flag',
      isSticky: true,
      message: `${engineName(plan)} refused the LoRA adapter of ${plan.model.id}: ${trimmed(reason)}.`,
      hint: "Remove it from the model's extra arguments.",
    }),
  },
  {
    patterns: [
      /invalid magic characters: '([^']*)'/,
      /failed to read (?:magic|key-value pairs|tensor|header)|bad magic|invalid split file/,
      /data is not within the file bounds|wrong number of tensors|missing tensor/,
    ],
    verdict: ([magic], plan) => corruptFile(magic, plan),
  },
  {
    // Last: what names the damage better, and what is no damage (memory, drivers), comes before it.
    patterns: [
      /error loading model (?:hyperparameters|vocabulary): (.+)/,
      /error loading model: ((?:key|tensor|check_tensor_dims)\b.+)/,
      /unknown model architecture: '()'/,
      /gguf_init_from_\w+: (.+)/,
    ],
    verdict: ([reason], plan) => malformedFile(reason || 'it names no architecture', plan),
  },
];

function missingLibrary(library: string | undefined, plan: LaunchPlan): Verdict {
  return {
    kind: 'missing-library',
    isSticky: true,
    message: `${engineName(plan)} cannot run: the library ${trimmed(library)} is missing.`,
    hint: `Reinstall the engine (${plan.engine.executable}), or choose another one.`,
  };
}

function notExecutable(plan: LaunchPlan, what: string): Verdict {
  return {
    kind: 'not-executable',
    isSticky: true,
    message: `${plan.engine.executable} ${what}.`,
    hint: 'Choose or install another engine.',
  };
}

function portTaken(port: string | undefined): Verdict {
  return {
    kind: 'port-taken',
    isSticky: false,
    message: `Port ${port ?? ''} was taken by another program before llama-server could use it.`,
    hint: null,
  };
}

function outOfMemory(what: string, { model, launch }: LaunchPlan): Verdict {
  const cache = `${launch.cache_type_k}/${launch.cache_type_v}`;
  const asked = `ctx_size ${launch.ctx_size}, n_parallel ${launch.n_parallel}, cache ${cache}`;
  return {
    kind: 'out-of-memory',
    isSticky: false,
    message: `Memory ran out while loading ${model.id}: ${what} (file ${gigabytes(model.sizeBytes)}, ${asked}).`,
    hint: LEVERS,
  };
}

function nothingToDraftBy({ model }: LaunchPlan): Verdict {
  return {
    kind: 'bad-flag',
    isSticky: true,
    message: `${model.id} has no layers of its own to draft by (multi-token prediction), and draft_mtp is on.`,
    hint: 'Set draft_mtp to false, or choose a draft model.',
  };
}

function missingFile(path = '', reason = '', { model }: LaunchPlan): Verdict {
  const what = reason === 'Permission denied' ? 'may not be read' : 'is gone';
  return {
    kind: 'missing-file',
    isSticky: true,
    message: `The file ${path} of ${model.id} ${what}.`,
    hint: 'Put the file back, or correct the path in the settings of the model.',
  };
}

function corruptFile(magic: string | undefined, { model }: LaunchPlan): Verdict {
  const what = magic === undefined ? 'is damaged or incomplete' : `is not a GGUF file (it begins with '${magic}')`;
  return {
    kind: 'corrupt-file',
    isSticky: true,
    message: `A file of ${model.id} ${what}: ${basename(model.path)}, ${gigabytes(model.sizeBytes)}.`,
    hint: model.isManaged ? 'Download the model again.' : 'Get the file again from where it came.',
  };
}

/** The same file under the same engine gives the same again, so nobody need try it. */
function malformedFile(reason: string, plan: LaunchPlan): Verdict {
  const file = basename(plan.model.path);
  const words = trimmed(reason).slice(0, REASON_LENGTH_MAX);
  return {
    kind: 'corrupt-file',
    isSticky: true,
    message: `${file} of ${plan.model.id} is malformed, or newer than ${engineName(plan)}: ${words}.`,
    hint: 'Get the file again from where it came, or choose a newer engine.',
  };
}

/** The guard ends as a shell does: 128 and the number of the signal. */
function signalOf(code: number | null): string | null {
  const numbers: Readonly<Record<number, string>> = {
    4: 'SIGILL',
    6: 'SIGABRT',
    7: 'SIGBUS',
    9: 'SIGKILL',
    11: 'SIGSEGV',
    15: 'SIGTERM',
  };
  return code === null ? null : (numbers[code - 128] ?? null);
}

function bySignal(signal: string | null, { tail, wasReady }: Ending, plan: LaunchPlan): Verdict | null {
  const { model } = plan;
  if (signal === null) return null;
  if (signal === 'SIGILL') return notExecutable(plan, 'needs CPU instructions that this machine does not have');
  if (signal === 'SIGKILL' && !wasReady) {
    return outOfMemory('the system killed llama-server, as it does when memory is short', plan);
  }
  if (signal === 'SIGKILL' || signal === 'SIGTERM') {
    const message = `llama-server of ${model.id} was killed from outside (${signal}).`;
    const hint = signal === 'SIGKILL' ? 'If memory was short, the system may have done it.' : null;
    return { kind: 'killed', isSticky: false, message, hint };
  }
  const during = wasReady ? 'while serving' : 'while loading';
  const message = `llama-server of ${model.id} crashed ${during} (${signal})${because(tail)}.`;
  return { kind: 'unknown', isSticky: false, message, hint: 'Another version of the engine may not.' };
}

/**
 * Up to one in five tethered starts that fail leaves without its last lines (measured on b10434). Who ended with 1
 * while binding its port could not have it, and who ended with 1 in the stage that prepares drafting, without any
 * complaint about memory or files, could not draft: nothing else can fail between those lines and the next.
 */
function byLastWord({ code, tail }: Ending, plan: LaunchPlan): Verdict | null {
  if (code !== 1) return null;
  const last = tail.findLast((line) => !/^[\d.]*\s*$/.test(line)) ?? '';
  if (/\bstart: binding port\b/.test(last)) return portTaken(String(plan.port));
  const stage = tail.findLast((line) => line.includes('"state":')) ?? '';
  return plan.launch.draft_mtp && stage.includes('"current":"spec_model"') ? nothingToDraftBy(plan) : null;
}

function byCode({ code, tail }: Ending, plan: LaunchPlan): Verdict {
  if (code === 127) return notExecutable(plan, 'is gone');
  if (code === 126) return notExecutable(plan, 'cannot be executed');
  const message = `llama-server of ${plan.model.id} ended with code ${code ?? 'unknown'}${because(tail)}.`;
  return { kind: 'unknown', isSticky: false, message, hint: 'Its last lines may say more.' };
}

/** The last line that complains, without time and prefix. */
function because(tail: readonly string[]): string {
  const complaint = tail.findLast((line) => /(^|\s)E\s|\berror\b|GGML_ASSERT|what\(\):/i.test(line));
  if (complaint === undefined) return '';
  return `: ${trimmed(complaint.replace(/^[\d.]+ [A-Z] +/, '')).slice(0, REASON_LENGTH_MAX)}`;
}

function origin(flag: string | undefined, plan: LaunchPlan): string {
  return isExtra(flag, plan) ? `, which is among the extra arguments of ${plan.model.id}` : '';
}

function isExtra(flag: string | undefined, { launch }: LaunchPlan): boolean {
  return launch.extra_args.some((item) => item.split('=')[0]?.replaceAll('_', '-') === flag);
}

const trimmed = (text = ''): string => text.trim().replace(/[.\s]+$/, '');

function gigabytes(bytes: number | string = 0): string {
  const amount = Number(bytes) / 1e9;
  return amount >= 0.1 ? `${amount.toFixed(1)} GB` : `${(amount * 1000).toFixed(1)} MB`;
}
