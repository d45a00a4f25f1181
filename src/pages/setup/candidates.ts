/** Models that a newcomer is offered, by what they are for: a short list by hand; the hub says whether it is true. */

/** `small`: quick on anything. `best`: the most able that fits. `coder`: for agents that write programs. */
export type PickKind = 'small' | 'best' | 'coder';

export type Candidate = {
  readonly repository: string;
  /** The quantisation to take; another usual one if the repository does not have it. */
  readonly quantization: string;
  /** About; enough to know whom to ask about, no more. */
  readonly sizeBytes: number;
};

const GB = 1e9;
/** Context, buffers and what else a load takes beside the weights, about. */
const ROOM_BYTES = GB;
/** At most so many are asked about for one pick: each costs the hub three questions. */
const ASKED_MAX = 3;

/** The most able first. */
const CANDIDATES: Readonly<Record<PickKind, readonly Candidate[]>> = {
  small: [
    { repository: 'unsloth/Qwen3.5-4B-GGUF', quantization: 'Q4_K_M', sizeBytes: 2.7 * GB },
    { repository: 'unsloth/Qwen3.5-2B-GGUF', quantization: 'Q4_K_M', sizeBytes: 1.3 * GB },
    { repository: 'unsloth/Qwen3.5-0.8B-GGUF', quantization: 'Q4_K_M', sizeBytes: 0.5 * GB },
  ],
  best: [
    { repository: 'ggml-org/gpt-oss-120b-GGUF', quantization: 'MXFP4', sizeBytes: 63.4 * GB },
    { repository: 'unsloth/Qwen3.6-35B-A3B-GGUF', quantization: 'UD-Q4_K_M', sizeBytes: 22 * GB },
    { repository: 'unsloth/Qwen3.6-27B-GGUF', quantization: 'Q4_K_M', sizeBytes: 16.8 * GB },
    { repository: 'ggml-org/gpt-oss-20b-GGUF', quantization: 'MXFP4', sizeBytes: 12.1 * GB },
    { repository: 'unsloth/Qwen3.5-9B-GGUF', quantization: 'Q4_K_M', sizeBytes: 5.7 * GB },
    { repository: 'unsloth/Qwen3.5-4B-GGUF', quantization: 'Q4_K_M', sizeBytes: 2.7 * GB },
  ],
  coder: [
    { repository: 'unsloth/Qwen3-Coder-Next-GGUF', quantization: 'Q4_K_M', sizeBytes: 48.5 * GB },
    { repository: 'unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF', quantization: 'Q4_K_M', sizeBytes: 18.6 * GB },
    { repository: 'bartowski/Qwen2.5-Coder-14B-Instruct-GGUF', quantization: 'Q4_K_M', sizeBytes: 9 * GB },
    { repository: 'bartowski/Qwen2.5-Coder-7B-Instruct-GGUF', quantization: 'Q4_K_M', sizeBytes: 4.7 * GB },
    { repository: 'bartowski/Qwen2.5-Coder-1.5B-Instruct-GGUF', quantization: 'Q4_K_M', sizeBytes: 1 * GB },
  ],
};

/** In the order in which they are shown. */
export const PICK_KINDS: readonly PickKind[] = ['small', 'best', 'coder'];

const USUAL = ['Q4_K_M', 'UD-Q4_K_M', 'UD-Q4_K_XL', 'MXFP4', 'Q4_K_S', 'Q4_0', 'Q5_K_M', 'Q8_0'];

/** Whom to ask the hub about, the most able that may fit first; the least of all when nothing seems to. */
export function candidatesFor(kind: PickKind, budgetBytes: number): readonly Candidate[] {
  const all = CANDIDATES[kind];
  const fitting = all.filter(({ sizeBytes }) => sizeBytes + ROOM_BYTES <= budgetBytes);
  return (fitting.length > 0 ? fitting : all.slice(-1)).slice(0, ASKED_MAX);
}

type Offered = { readonly quantization: string | null; readonly fit: { readonly verdict: string } };

/** The row to offer: the quantisation meant, else a usual one; one that has room before one that only just fits. */
export function rowFor<Row extends Offered>(rows: readonly Row[], quantization: string): Row | null {
  const wanted = [quantization, ...USUAL];
  const possible = rows.filter(({ fit }) => fit.verdict !== 'too-big');
  const roomy = possible.filter(({ fit }) => fit.verdict === 'fits');
  for (const among of [roomy, possible]) {
    for (const name of wanted) {
      const found = among.find((row) => row.quantization === name);
      if (found) return found;
    }
  }
  return null;
}
