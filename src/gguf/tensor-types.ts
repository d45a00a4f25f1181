/** The number formats of GGUF: block sizes, and the names people know them by. */

/** A format stores `blockElements` numbers in `blockBytes` bytes. */
export type TensorType = { readonly name: string; readonly blockElements: number; readonly blockBytes: number };

/** By the id in the file; ids that are not here are newer than this Flow, or were taken out of the format. */
export const TENSOR_TYPES: ReadonlyMap<number, TensorType> = new Map(
  (
    [
      [0, 'F32', 1, 4],
      [1, 'F16', 1, 2],
      [2, 'Q4_0', 32, 18],
      [3, 'Q4_1', 32, 20],
      [6, 'Q5_0', 32, 22],
      [7, 'Q5_1', 32, 24],
      [8, 'Q8_0', 32, 34],
      [9, 'Q8_1', 32, 36],
      [10, 'Q2_K', 256, 84],
      [11, 'Q3_K', 256, 110],
      [12, 'Q4_K', 256, 144],
      [13, 'Q5_K', 256, 176],
      [14, 'Q6_K', 256, 210],
      [15, 'Q8_K', 256, 292],
      [16, 'IQ2_XXS', 256, 66],
      [17, 'IQ2_XS', 256, 74],
      [18, 'IQ3_XXS', 256, 98],
      [19, 'IQ1_S', 256, 50],
      [20, 'IQ4_NL', 32, 18],
      [21, 'IQ3_S', 256, 110],
      [22, 'IQ2_S', 256, 82],
      [23, 'IQ4_XS', 256, 136],
      [24, 'I8', 1, 1],
      [25, 'I16', 1, 2],
      [26, 'I32', 1, 4],
      [27, 'I64', 1, 8],
      [28, 'F64', 1, 8],
      [29, 'IQ1_M', 256, 56],
      [30, 'BF16', 1, 2],
      [34, 'TQ1_0', 256, 54],
      [35, 'TQ2_0', 256, 66],
      [39, 'MXFP4', 32, 17],
      [40, 'NVFP4', 64, 36],
    ] as const
  ).map(([id, name, blockElements, blockBytes]) => [id, { name, blockElements, blockBytes }]),
);

/** `general.file_type`: what a file as a whole is called. */
const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [7, 'Q8_0'],
  [8, 'Q5_0'],
  [9, 'Q5_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K_S'],
  [12, 'Q3_K_M'],
  [13, 'Q3_K_L'],
  [14, 'Q4_K_S'],
  [15, 'Q4_K_M'],
  [16, 'Q5_K_S'],
  [17, 'Q5_K_M'],
  [18, 'Q6_K'],
  [19, 'IQ2_XXS'],
  [20, 'IQ2_XS'],
  [21, 'Q2_K_S'],
  [22, 'IQ3_XS'],
  [23, 'IQ3_XXS'],
  [24, 'IQ1_S'],
  [25, 'IQ4_NL'],
  [26, 'IQ3_S'],
  [27, 'IQ3_M'],
  [28, 'IQ2_S'],
  [29, 'IQ2_M'],
  [30, 'IQ4_XS'],
  [31, 'IQ1_M'],
  [32, 'BF16'],
  [36, 'TQ1_0'],
  [37, 'TQ2_0'],
  [38, 'MXFP4'],
  [39, 'NVFP4'],
]);
/** Set in `general.file_type` when the converter only guessed. */
const FILE_TYPE_GUESSED = 1024;

const K_MIXTURES = 'K(?:_(?:XXL|XL|L|M|S))?';
const NAMES = `I?Q[1-8]_(?:${K_MIXTURES}|XXS|XS|NL|[SM01])|TQ[12]_0|MXFP4|NVFP4|BF16|F16|F32|FP16|FP32`;
const NAME_IN_FILE_NAME = new RegExp(`(?:^|[-_.])((?:UD-)?(?:${NAMES}))(?![A-Za-z0-9])`, 'i');
/** Mixtures with a name of their own that the header cannot say. */
const NAMED_BY_FILE_ONLY = /^UD-|_K_(?:XXL|XL|L)$/;

/**
 * The name of a file's quantisation. The header's word counts, except for mixtures that only the file name tells
 * (`UD-Q4_K_XL`); without either, the format that most weights have.
 */
export function quantizationName(fileName: string, fileType: number | null, mostlyType: number | null): string | null {
  const inName = quantizationInName(fileName);
  const inHeader = fileType === null ? undefined : FILE_TYPES.get(fileType & ~FILE_TYPE_GUESSED);
  if (inName !== null && NAMED_BY_FILE_ONLY.test(inName)) return inName;
  const mostly = mostlyType === null ? undefined : TENSOR_TYPES.get(mostlyType)?.name;
  return inHeader ?? inName ?? mostly ?? null;
}

/** The quantisation that a file or folder name mentions, in the usual spelling; null when it mentions none. */
export function quantizationInName(fileName: string): string | null {
  const found = NAME_IN_FILE_NAME.exec(fileName.replace(/\.gguf$/i, ''))?.[1]?.toUpperCase();
  return found?.replace(/^FP(16|32)$/, 'F$1') ?? null;
}
