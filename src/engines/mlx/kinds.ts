/** The servers of MLX models: what they are called, which versions are known to work, and what they need. */
import type { StartedKind } from '#src/engines/engine.ts';

/** A server of MLX models that Flow can start. */
export type MlxKind = Exclude<StartedKind, 'llama.cpp'>;

/** What must be known of one kind to install it and to ask it. */
export type MlxProgram = {
  /** On Python's package index. */
  readonly packageName: string;
  /** Its console script in an environment's `bin`. */
  readonly script: string;
  /** Arguments that make it print the options of a start and end. */
  readonly help: readonly string[];
  /** Tested with Flow; what is installed unless another version is asked for. */
  readonly version: string;
  /** Other packages as they were with it in the test. */
  readonly pins: readonly string[];
  /** MLX itself, as it was in the test. */
  readonly mlx: string;
  /** Minor versions of Python 3 that it runs on, the best first. */
  readonly pythons: readonly number[];
  /** About what an environment takes on disk. */
  readonly sizeBytes: number;
};

/** Which kinds there are, in the order they are preferred for text. */
export const MLX_KINDS = ['mlx-lm', 'mlx-openai-server', 'mlx-vlm'] as const;

export const MLX_PROGRAMS: { readonly [Kind in MlxKind]: MlxProgram } = {
  'mlx-lm': {
    packageName: 'mlx-lm',
    script: 'mlx_lm.server',
    help: ['--help'],
    version: '0.32.2',
    pins: ['transformers==5.23.0'],
    mlx: '0.32.4',
    pythons: [12, 13, 11],
    sizeBytes: 370_000_000,
  },
  'mlx-openai-server': {
    packageName: 'mlx-openai-server',
    script: 'mlx-openai-server',
    help: ['launch', '--help'],
    version: '1.8.1',
    pins: ['mlx-lm==0.31.3', 'mlx-vlm==0.4.4', 'transformers==5.17.0', 'outlines==1.1.1'],
    // With a newer one its way with pictures ends in "There is no Stream(cpu, 1) in current thread".
    mlx: '0.31.2',
    pythons: [12, 11],
    sizeBytes: 1_250_000_000,
  },
  'mlx-vlm': {
    packageName: 'mlx-vlm',
    script: 'mlx_vlm.server',
    help: ['--help'],
    version: '0.7.10',
    pins: ['mlx-lm==0.32.2', 'transformers==5.23.0'],
    mlx: '0.32.4',
    pythons: [12, 13, 11],
    sizeBytes: 850_000_000,
  },
};

/** Whether this is the name of a kind of MLX server. */
export function isMlxKind(name: string): name is MlxKind {
  return name in MLX_PROGRAMS;
}
