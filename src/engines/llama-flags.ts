/**
 * Every flag of llama-server, each in one class. A test reads the real `--help` and fails on a flag that is in none,
 * so a new build's flags are classed by a person before anyone can pass them.
 */
import type { LaunchSettings } from '#src/models/model.ts';
import { type FlagRule, readRules } from './flag-rules.ts';

const OWNED = `
-m --model =
-a --alias =
--host =
--port =
--reuse-port
--api-key =
--api-key-file =
--api-prefix =
--ssl-key-file =
--ssl-cert-file =
--cors-origins =
--cors-methods =
--cors-headers =
--cors-credentials --no-cors-credentials
--ui --webui --no-ui --no-webui
--ui-config --webui-config =
--ui-config-file --webui-config-file =
--metrics
--props
--slots --no-slots
--log-disable
--log-file =
--log-jsonl
--log-colors =
-lv --verbosity --log-verbosity =
--context-shift --no-context-shift
--sleep-idle-seconds =
--models-dir =
--models-preset =
--models-max =
--models-autoload --no-models-autoload
`;

const SETTINGS: readonly (readonly [keyof LaunchSettings, string])[] = [
  ['ctx_size', '-c --ctx-size ='],
  ['n_parallel', '-np --parallel ='],
  ['flash_attn', '-fa --flash-attn ='],
  ['cache_type_k', '-ctk --cache-type-k ='],
  ['cache_type_v', '-ctv --cache-type-v ='],
  ['gpu_layers', '-ngl --gpu-layers --n-gpu-layers ='],
  ['threads', '-t --threads ='],
  ['batch_size', '-b --batch-size ='],
  ['ubatch_size', '-ub --ubatch-size ='],
  ['rope_scaling', '--rope-scaling ='],
  ['rope_scale', '--rope-scale ='],
  ['mlock', '--mlock'],
  ['mmap', '--mmap --no-mmap\n-lm --load-mode ='],
  ['cache_ram_mib', '-cram --cache-ram ='],
  ['mmproj_path', '-mm --mmproj ='],
  ['chat_template_file', '--chat-template-file ='],
  ['draft_model_path', '--spec-draft-model -md --model-draft ='],
  ['num_draft_tokens', '--spec-draft-n-max =\n--draft --draft-n --draft-max ='],
];

const REFUSED: Readonly<Record<string, string>> = {
  'lets the engine run programs or opens this machine to others': `
--tools =
--tools-runtime =
-ag --agent -no-ag --no-agent
--mcp-servers-config =
--mcp-servers-json =
--ui-mcp-proxy --webui-mcp-proxy --no-ui-mcp-proxy --no-webui-mcp-proxy
--path =
--media-path =
--video-ffmpeg-dir =
--rpc =
`,
  'makes the engine download; Flow downloads models itself and verifies them': `
-mu --model-url =
-dr --docker-repo =
-hf -hfr --hf-repo =
-hff --hf-file =
-hft --hf-token =
--spec-draft-hf -hfd -hfrd --hf-repo-draft =
-mmu --mmproj-url =
--embd-gemma-default
--fim-qwen-1.5b-default
--fim-qwen-3b-default
--fim-qwen-7b-default
--fim-qwen-7b-spec
--fim-qwen-14b-spec
--fim-qwen-30b-default
--gpt-oss-20b-default
--gpt-oss-120b-default
--vision-gemma-4b-default
--vision-gemma-12b-default
`,
  'would write prompts into logs or files': `
-v --verbose --log-verbose
--log-prompts-dir =
`,
  'lets the engine write files, over those that are there': `
-lcd --lookup-cache-dynamic =
--slot-save-path =
`,
  'makes the engine print something and end': `
-h --help --usage
--version
-cl --cache-list
--completion-bash
--list-devices
`,
};

const FILES = `
--lora FILES
--lora-scaled FILES:
--control-vector FILES
--control-vector-scaled FILES:
--grammar-file FILE
-jf --json-schema-file FILE
-lcs --lookup-cache-static FILE
`;

const FREE = `
-tb --threads-batch =
-C --cpu-mask =
-Cr --cpu-range =
--cpu-strict =
--prio =
--poll =
-Cb --cpu-mask-batch =
-Crb --cpu-range-batch =
--cpu-strict-batch =
--prio-batch =
--poll-batch =
-n --predict --n-predict =
--keep =
--swa-full
--perf --no-perf
-e --escape --no-escape
--rope-freq-base =
--rope-freq-scale =
--yarn-orig-ctx =
--yarn-ext-factor =
--yarn-attn-factor =
--yarn-beta-slow =
--yarn-beta-fast =
-kvo --kv-offload -nkvo --no-kv-offload
--repack -nr --no-repack
--no-host
-dt --defrag-thold =
-dio --direct-io -ndio --no-direct-io
--numa =
-dev --device =
-ot --override-tensor =
-cmoe --cpu-moe
-ncmoe --n-cpu-moe =
-sm --split-mode =
-ts --tensor-split =
-mg --main-gpu =
-fit --fit =
-fitt --fit-target =
-fitc --fit-ctx =
--check-tensors
--override-kv =
--op-offload --no-op-offload
--control-vector-layer-range = =
--offline
--log-prefix --no-log-prefix
--log-timestamps --no-log-timestamps
--spec-draft-type-k -ctkd --cache-type-k-draft =
--spec-draft-type-v -ctvd --cache-type-v-draft =
--samplers =
-s --seed =
--sampler-seq --sampling-seq =
--ignore-eos
--temp --temperature =
--top-k =
--top-p =
--min-p =
--top-nsigma --top-n-sigma =
--xtc-probability =
--xtc-threshold =
--typical --typical-p =
--repeat-last-n =
--repeat-penalty =
--presence-penalty =
--frequency-penalty =
--dry-multiplier =
--dry-base =
--dry-allowed-length =
--dry-penalty-last-n =
--dry-sequence-breaker =
--adaptive-target =
--adaptive-decay =
--dynatemp-range =
--dynatemp-exp =
--mirostat =
--mirostat-lr =
--mirostat-ent =
-l --logit-bias =
--grammar =
-j --json-schema =
-bs --backend-sampling
--spec-draft-threads -td --threads-draft =
--spec-draft-threads-batch -tbd --threads-batch-draft =
--spec-draft-cpu-mask -Cd --cpu-mask-draft =
--spec-draft-cpu-range -Crd --cpu-range-draft =
--spec-draft-cpu-strict --cpu-strict-draft =
--spec-draft-prio --prio-draft =
--spec-draft-poll --poll-draft =
--spec-draft-cpu-mask-batch -Cbd --cpu-mask-batch-draft =
--spec-draft-cpu-strict-batch --cpu-strict-batch-draft =
--spec-draft-prio-batch --prio-batch-draft =
--spec-draft-poll-batch --poll-batch-draft =
--spec-draft-override-tensor -otd --override-tensor-draft =
--spec-draft-cpu-moe -cmoed --cpu-moe-draft
--spec-draft-n-cpu-moe --spec-draft-ncmoe -ncmoed --n-cpu-moe-draft =
--spec-draft-n-min =
--spec-draft-p-split --draft-p-split =
--spec-draft-p-min --draft-p-min =
--spec-draft-backend-sampling --no-spec-draft-backend-sampling
--spec-draft-device -devd --device-draft =
--spec-draft-ngl -ngld --gpu-layers-draft --n-gpu-layers-draft =
--spec-type =
--spec-ngram-mod-n-min =
--spec-ngram-mod-n-max =
--spec-ngram-mod-n-match =
--spec-ngram-simple-size-n =
--spec-ngram-simple-size-m =
--spec-ngram-simple-min-hits =
--spec-ngram-map-k-size-n =
--spec-ngram-map-k-size-m =
--spec-ngram-map-k-min-hits =
--spec-ngram-map-k4v-size-n =
--spec-ngram-map-k4v-size-m =
--spec-ngram-map-k4v-min-hits =
--draft-min --draft-n-min =
--spec-ngram-size-n =
--spec-ngram-size-m =
--spec-ngram-min-hits =
-ctxcp --ctx-checkpoints --swa-checkpoints =
-cms --checkpoint-min-step =
-kvu --kv-unified -no-kvu --no-kv-unified
--cache-idle-slots --no-cache-idle-slots
-r --reverse-prompt =
-sp --special
--warmup --no-warmup
--spm-infill
--pooling =
-cb --cont-batching -nocb --no-cont-batching
--mmproj-auto --no-mmproj --no-mmproj-auto
--mmproj-offload --no-mmproj-offload
--image-min-tokens =
--image-max-tokens =
--mtmd-batch-max-tokens =
--tags =
--embd-normalize =
--embedding --embeddings
--rerank --reranking
--chat-template-kwargs =
-to --timeout =
--sse-ping-interval =
--threads-http =
--cache-prompt --no-cache-prompt
--cache-reuse =
--jinja --no-jinja
--reasoning-format =
-rea --reasoning =
--reasoning-effort =
--reasoning-budget =
--reasoning-budget-message =
--reasoning-preserve --no-reasoning-preserve
--chat-template =
--skip-chat-parsing --no-skip-chat-parsing
--prefill-assistant --no-prefill-assistant
-sps --slot-prompt-similarity =
--lora-init-without-apply
--spec-default
`;

/** The rule of each name, short and long. */
export function flagRules(): ReadonlyMap<string, FlagRule> {
  return readRules({ owned: OWNED, settings: SETTINGS, refused: REFUSED, files: FILES, free: FREE });
}
