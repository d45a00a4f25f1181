/** A model's name in the parts that people look for: family, size, and what else it says. Pure. */

export type NameParts = {
  /** `gemma-4`, `Qwen3`; the whole name where it says no size. */
  readonly family: string;
  /** `26B-A4B`, `0.6B`; null when the name does not say. */
  readonly size: string | null;
  /** `it`, `Instruct-2507`: what stands behind the size. */
  readonly rest: string | null;
};

/** `7B`, `0.6b`, `8x7B`, `E2B`, `135M`. */
const SIZE = /^(?:\d+x)?[ae]?\d+(?:\.\d+)?[bm]$/i;
/** Of a mixture of experts, what is used for each token: `A4B`. */
const ACTIVE = /^a\d+(?:\.\d+)?b$/i;
const FORMAT = /[-_. ](?:gguf|mlx)$/i;
/** How weights are kept, where names say it: `Q4_K_M`, `UD-Q5_K_XL`, `IQ2_XS`, `4bit`, `bf16`. */
const QUANTIZATION = /[-_. ](?:UD-)?(?:I?Q\d\w*|BF16|F16|F32|FP16|MXFP4\w*|\d+bit|DWQ)$/i;

/** The parts of a name such as `gemma-4-26B-A4B-it-Q4_K_M`. */
export function nameParts(name: string): NameParts {
  const words = (bare(name).split('/').at(-1) ?? '').split(/(?<=[^-_ ])[-_ ](?=[^-_ ])/);
  const at = words.findIndex((word, index) => index > 0 && SIZE.test(word));
  if (at < 0) return { family: name, size: null, rest: null };
  const end = ACTIVE.test(words[at + 1] ?? '') ? at + 2 : at + 1;
  const rest = words.slice(end).join('-');
  return {
    family: words.slice(0, at).join('-'),
    size: words.slice(at, end).join('-'),
    rest: rest === '' ? null : rest,
  };
}

/** Without what is told beside the name anyway: its format and its quantisation. */
function bare(name: string): string {
  const file = name.replace(/\.gguf$/i, '').replace(/-\d{5}-of-\d{5}$/, '');
  const plain = file.replace(FORMAT, '').replace(QUANTIZATION, '').replace(FORMAT, '');
  return plain === '' ? name : plain;
}
