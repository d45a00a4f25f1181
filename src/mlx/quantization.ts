/** How an MLX model's weights are kept, as people name it. Pure. */
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';

/** Its name, and how many weights share one scale. */
export type Quantization = { readonly name: string | null; readonly groupSize: number };

const GROUP_SIZE = 64;
const BITS_MAX = 16;
/** Modes that are number formats of their own; any other is a plain number of bits. */
const FORMATS = /^(?:mxfp[48]|nvfp4)$/;
const METHODS = /^[\w-]{1,30}$/;
/** Maps, because a stranger's file may name its format `constructor`. */
const PLAIN_NAMES: ReadonlyMap<string, string> = new Map([
  ['BF16', 'bf16'],
  ['F16', 'fp16'],
  ['F32', 'fp32'],
  ['F64', 'fp64'],
  ['F8_E4M3', 'fp8'],
  ['F8_E5M2', 'fp8'],
]);
const TORCH_NAMES: ReadonlyMap<string, string> = new Map([
  ['bfloat16', 'bf16'],
  ['float16', 'fp16'],
  ['float32', 'fp32'],
]);

/** `4-bit`, `8-bit (mixed)`, `mxfp4`, `bf16` …; `mostly` is the format that most numbers have. */
export function quantizationOf(config: JsonObject, mostly: string | null): Quantization {
  const said = isObject(config.quantization) ? config.quantization : config.quantization_config;
  const plain = mostly === null ? null : (PLAIN_NAMES.get(mostly) ?? null);
  if (!isObject(said)) return { name: plain ?? plainName(config), groupSize: GROUP_SIZE };
  const groupSize = within(numberOrNull(said.group_size), 1_024) ?? GROUP_SIZE;
  const own = nameOf(said);
  if (own !== null) return { name: isMixed(said) ? `${own} (mixed)` : own, groupSize };
  const method = stringOrNull(said.quant_method);
  return { name: method !== null && METHODS.test(method) ? method.toLowerCase() : plain, groupSize };
}

function nameOf(said: JsonObject): string | null {
  const mode = stringOrNull(said.mode) ?? stringOrNull(said.quant_method);
  if (mode !== null && FORMATS.test(mode)) return mode;
  const bits = within(numberOrNull(said.bits), BITS_MAX);
  return bits === null ? null : `${bits}-bit`;
}

/** Whether some layers are kept with other numbers of bits; ones that are not quantised at all are usual. */
function isMixed(said: JsonObject): boolean {
  const own = nameOf(said);
  // There may be thousands of layers in there, so only what names a quantisation is laid over the usual one.
  const { mode, quant_method, bits } = said;
  return Object.values(said).some(
    (value) => isObject(value) && 'bits' in value && nameOf({ mode, quant_method, bits, ...value }) !== own,
  );
}

function plainName(config: JsonObject): string | null {
  const said = stringOrNull(config.dtype) ?? stringOrNull(config.torch_dtype);
  return said === null ? null : (TORCH_NAMES.get(said) ?? null);
}

function within(value: number | null, most: number): number | null {
  return value !== null && value > 0 && value <= most ? value : null;
}
