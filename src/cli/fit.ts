/** `flow fit`: what a load would take, before it is tried. */
import { resolve } from 'node:path';
import { type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT, print, wholeNumber } from './command.ts';
import { resolvedId } from './models.ts';
import { bytes, safe } from './terminal.ts';

const VERDICTS: Readonly<Record<string, string>> = {
  fits: 'fits',
  tight: 'fits, with little room beside it',
  'too-big': 'is too big for this machine as it is set',
};
const SOURCES: Readonly<Record<string, string>> = {
  measured: 'measured in an earlier load',
  engine: "by the engine's own word",
  formula: 'estimated from its header',
};

/** `flow fit`: looks only; nothing is loaded. */
export const fitCommand: Command = {
  name: 'fit',
  usage: 'MODEL',
  summary: 'Say what loading a model would take, what would be unloaded for it, and how it would be started',
  examples: ['flow fit qwen3', 'flow fit qwen3 --ctx 65536 --slots 4', 'flow fit qwen3 --kv q8_0 --json'],
  options: {
    ctx: { type: 'string' },
    slots: { type: 'string' },
    kv: { type: 'string' },
    draft: { type: 'string' },
  },
  positionals: [1, 1],
  async run(context) {
    const id = await resolvedId(context, context.positionals[0] ?? '');
    const answer = await context.api.json('POST', `/api/models/${encodeURIComponent(id)}/fit`, wished(context));
    print(context, answer, () => told(answer));
    return EXIT.ok;
  },
};

function wished(context: Context): JsonObject {
  const { kv, draft } = context.flags;
  const tokens = wholeNumber(context, 'ctx');
  const slots = wholeNumber(context, 'slots');
  return {
    ...(tokens === null ? {} : { ctx_size: tokens }),
    ...(slots === null ? {} : { n_parallel: slots }),
    ...(typeof kv === 'string' ? { cache_type_k: kv, cache_type_v: kv } : {}),
    ...(typeof draft === 'string' ? { draft_model_path: resolve(draft) } : {}),
  };
}

function told(answer: JsonObject): string {
  const size = (name: string): string => bytes(numberOrNull(answer[name]));
  const count = (name: string): string => String(numberOrNull(answer[name]) ?? '–');
  const speed = numberOrNull(answer.expected_tokens_per_s);
  const command = strings(answer.command);
  const lines = [
    `${stringOrNull(answer.model_id)} ${VERDICTS[stringOrNull(answer.verdict) ?? ''] ?? ''}: ${size('total_bytes')} of ` +
      `${size('budget_bytes')} for models, ${SOURCES[stringOrNull(answer.source) ?? ''] ?? ''}`,
    `  weights ${size('weights_bytes')}, context ${size('kv_cache_bytes')}, compute ${size('compute_bytes')}, ` +
      `prompt cache ${size('engine_cache_bytes')}`,
    `  context ${count('context_tokens')} tokens × ${count('slots')} slots; at most ` +
      `${count('largest_context_tokens')} tokens, or ${count('largest_slots')} slots`,
    ...(speed === null ? [] : [`  about ${speed} tokens/s, from ${strings(answer.expected_from).join(', ')}`]),
    `  ${stringOrNull(answer.outlook)}`,
    ...strings(answer.warnings).map((warning) => `  ! ${warning}`),
    ...(command.length === 0 ? [] : [`  ${command.map(quoted).join(' ')}`]),
  ];
  return `${lines.map(safe).join('\n')}\n`;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** As one would type it. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
