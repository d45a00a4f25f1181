/**
 * Every option of the MLX servers, each in one class; a test holds the tables against the installed servers' own help,
 * so that a new version's options are classed by a person before anyone can pass them.
 */
import { type FlagClasses, type FlagTable, readRules } from '#src/engines/flag-rules.ts';
import type { MlxKind } from '../kinds.ts';

const MLX_LM: FlagClasses = {
  owned: `
-h --help
--model =
--host =
--port =
--allowed-origins =
--log-level =
`,
  settings: [
    ['n_parallel', '--decode-concurrency =\n--prompt-concurrency ='],
    ['mlx_prompt_cache_size', '--prompt-cache-size ='],
    ['cache_ram_mib', '--prompt-cache-bytes ='],
    ['mlx_kv_bits', '--kv-bits ='],
    ['draft_model_path', '--draft-model ='],
    ['num_draft_tokens', '--num-draft-tokens ='],
    ['chat_template_file', '--chat-template ='],
    ['mlx_trust_remote_code', '--trust-remote-code'],
  ],
  refused: { 'is for several machines': '--pipeline' },
  files: '--adapter-path FILE',
  free: `
--use-default-chat-template
--temp =
--top-p =
--top-k =
--min-p =
--max-tokens =
--chat-template-args =
--prefill-step-size =
--kv-group-size =
--quantized-kv-start =
`,
};

const MLX_OPENAI_SERVER: FlagClasses = {
  owned: `
--help
--model-path =
--model-type =
--served-model-name =
--host =
--port =
--log-file =
--no-log-file
--log-level =
--queue-timeout =
--disable-batching
`,
  settings: [
    ['ctx_size', '--context-length ='],
    ['n_parallel', '--decode-concurrency =\n--prompt-concurrency ='],
    ['mlx_prompt_cache_size', '--prompt-cache-size ='],
    ['cache_ram_mib', '--max-bytes ='],
    ['mlx_kv_bits', '--kv-bits ='],
    ['draft_model_path', '--draft-model-path ='],
    ['num_draft_tokens', '--num-draft-tokens ='],
    ['chat_template_file', '--chat-template-file ='],
    ['mlx_reasoning_parser', '--reasoning-parser ='],
    ['mlx_tool_call_parser', '--tool-call-parser =\n--enable-auto-tool-choice'],
    ['mlx_trust_remote_code', '--trust-remote-code'],
  ],
  refused: {
    'would serve other models than the one Flow knows': '--config =',
    'writes what people say into the log': '--debug',
    'keeps conversations on disk, in files that run code when they are read': '--prompt-cache-dir =',
  },
  files: '--lora-paths FILES',
  free: `
--queue-size =
--quantize =
--config-name =
--lora-scales =
--disable-auto-resize
--kv-group-size =
--quantized-kv-start =
--prefill-step-size =
--max-tokens =
--temperature =
--top-p =
--top-k =
--min-p =
--repetition-penalty =
--presence-penalty =
--xtc-probability =
--xtc-threshold =
--seed =
--repetition-context-size =
`,
};

const MLX_VLM: FlagClasses = {
  owned: `
-h --help
--model =
--host =
--port =
--api-key =
--log-level =
--log-progress-interval =
`,
  settings: [
    ['n_parallel', '--max-num-seqs ='],
    ['mlx_kv_bits', '--kv-bits ='],
    ['draft_model_path', '--draft-model ='],
    ['mlx_trust_remote_code', '--trust-remote-code'],
  ],
  refused: {
    'loads a second model, whose memory Flow would not know of': `
--image-model =
--tts-model =
--stt-model =
--embedding-model =
--decision-model =
--reranker-model =`,
    'lets requests load other models': '--model-dir =',
    'starts the server again by itself': '--reload',
    'drops the oldest part of a conversation in silence': '--max-kv-size =',
  },
  files: '--adapter-path FILE',
  free: `
--vision-cache-size =
--min-pixels =
--max-pixels =
--prefill-step-size =
--max-tokens =
--enable-thinking
--thinking-budget =
--thinking-start-token =
--thinking-end-token --thinking-eos-token =
--kv-key-bits =
--kv-value-bits =
--kv-key-scheme =
--kv-value-scheme =
--kv-quant-scheme =
--kv-group-size =
--quantized-kv-start =
--expert-cache-gb =
--draft-kind =
--draft-block-size =
--top-logprobs-k =
`,
};

const CLASSES: Readonly<Record<MlxKind, FlagClasses>> = {
  'mlx-lm': MLX_LM,
  'mlx-openai-server': MLX_OPENAI_SERVER,
  'mlx-vlm': MLX_VLM,
};

/** The rules of a kind's options. */
export function mlxFlags(kind: MlxKind): FlagTable {
  return { program: kind, rules: readRules(CLASSES[kind]) };
}
