/** What llama-server's flags mean in Flow. Tables; names are the longest of each flag, as `flagRules` has them. */

/** How a flag's value becomes launch settings. */
export type Setter = {
  /** Null for a value that means nothing. `written` tells `--mmap` from `--no-mmap`. */
  readonly read: (value: string, written: string) => Readonly<Record<string, unknown>> | null;
  readonly isPath: boolean;
};

const DRAFT_TOKENS_MAX = 64;
const ALL_LAYERS = 999;

export const SETTERS: ReadonlyMap<string, Setter> = new Map([
  ['--flash-attn', setter((value) => named('flash_attn', flashAttention(value)))],
  ['--cache-type-k', setter((value) => ({ cache_type_k: value }))],
  ['--cache-type-v', setter((value) => ({ cache_type_v: value }))],
  ['--n-gpu-layers', setter((value) => named('gpu_layers', layers(value)))],
  ['--threads', setter((value) => named('threads', whole(value)))],
  ['--batch-size', setter((value) => named('batch_size', whole(value)))],
  ['--ubatch-size', setter((value) => named('ubatch_size', whole(value)))],
  ['--rope-scaling', setter((value) => ({ rope_scaling: value }))],
  ['--rope-scale', setter((value) => named('rope_scale', decimal(value)))],
  ['--mlock', setter(() => ({ mlock: true }))],
  ['--no-mmap', setter((_, written) => ({ mmap: written === '--mmap' }))],
  ['--load-mode', setter(loadMode)],
  ['--cache-ram', setter((value) => named('cache_ram_mib', whole(value)))],
  ['--mmproj', file('mmproj_path')],
  ['--no-mmproj-auto', setter((_, written) => (written === '--mmproj-auto' ? {} : { mmproj_path: '' }))],
  ['--chat-template-file', file('chat_template_file')],
  ['--spec-draft-model', file('draft_model_path')],
  ['--spec-draft-n-max', setter(draftTokens)],
  ['--draft-max', setter(draftTokens)],
]);

/** Flags that say what a request without such a parameter gets: just what a behaviour says. */
export const SAMPLERS: ReadonlyMap<string, string> = new Map([
  ['--temperature', 'temperature'],
  ['--top-k', 'top_k'],
  ['--top-p', 'top_p'],
  ['--min-p', 'min_p'],
  ['--presence-penalty', 'presence_penalty'],
  ['--frequency-penalty', 'frequency_penalty'],
  ['--repeat-penalty', 'repetition_penalty'],
  ['--seed', 'seed'],
]);

/** Read elsewhere, or of no meaning under Flow, where every engine has its own port, name and log. */
export const QUIETLY_LEFT: ReadonlySet<string> = new Set([
  '--model',
  '--alias',
  '--hf-repo',
  '--hf-file',
  '--sleep-idle-seconds',
  '--ctx-size',
  '--parallel',
  '--host',
  '--port',
  '--reuse-port',
  '--metrics',
  '--props',
  '--no-slots',
  '--no-webui',
  '--log-disable',
  '--log-file',
  '--log-jsonl',
  '--log-colors',
  '--log-verbosity',
  '--no-context-shift',
  '--models-dir',
  '--models-max',
  '--no-models-autoload',
]);

/** Words for flags that a person may miss. */
export const WORDS_FOR_OWNED: ReadonlyMap<string, string> = new Map([
  ['--no-context-shift', 'Under Flow no conversation loses its beginning in silence.'],
  ['--api-key', 'Flow guards its engines with keys of its own; set FLOW_API_KEY for Flow itself.'],
  ['--api-key-file', 'Flow guards its engines with keys of its own; set FLOW_API_KEY for Flow itself.'],
]);

function setter(read: Setter['read']): Setter {
  return { read, isPath: false };
}

function file(field: string): Setter {
  return { read: (value) => ({ [field]: value }), isPath: true };
}

function named(field: string, value: unknown): Readonly<Record<string, unknown>> | null {
  return value === null ? null : { [field]: value };
}

function flashAttention(value: string): 'on' | 'off' | 'auto' | null {
  if (/^(?:on|1|true|enabled)$/i.test(value)) return 'on';
  if (/^(?:off|0|false|disabled)$/i.test(value)) return 'off';
  return /^(?:auto|-1)$/i.test(value) ? 'auto' : null;
}

function layers(value: string): number | null {
  if (value === 'auto') return -1;
  if (value === 'all') return ALL_LAYERS;
  const count = whole(value);
  return count === null ? null : Math.min(10_000, Math.max(-1, count));
}

function loadMode(value: string): Readonly<Record<string, unknown>> | null {
  const parts = value.split('+');
  if (parts.some((part) => !['auto', 'none', 'mmap', 'mlock'].includes(part))) return null;
  return { mmap: parts.includes('mmap') || parts.includes('auto'), mlock: parts.includes('mlock') };
}

function draftTokens(value: string): Readonly<Record<string, unknown>> | null {
  const count = whole(value);
  return count === null || count < 1 ? null : { num_draft_tokens: Math.min(DRAFT_TOKENS_MAX, count) };
}

function whole(text: string): number | null {
  return /^-?\d{1,9}$/.test(text) ? Number(text) : null;
}

function decimal(text: string): number | null {
  return /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : null;
}
