// Headers of any length are written as they are read again. Reading by itself: read.test.ts.
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGguf } from '#src/gguf/read.ts';
import { writeGguf } from '#src/gguf/write.ts';

// The buffer of a header doubles at 64 KiB, and each kind of value may be the one that does not fit any more.
test.each(Array.from({ length: 12 }, (_, index) => 65_536 - 150 + index * 3))(
  'a header that outgrows its buffer behind a text of %d letters is whole',
  async (length) => {
    const folder = mkdtempSync(join(tmpdir(), 'flow-gguf-'));
    const path = join(folder, 'm.gguf');
    const metadata = new Map([
      ['general.architecture', { type: 'string', value: 'llama' } as const],
      ['tokenizer.chat_template', { type: 'string', value: 'x'.repeat(length) } as const],
      ['tokenizer.ggml.scores', { type: 'float32s', value: Array.from({ length: 50 }, (_, at) => at) } as const],
      ['llama.context_length', { type: 'uint32', value: 4096 } as const],
    ]);
    await writeGguf(path, { metadata, tensors: [] });
    expect(readGguf(path)).toMatchObject({ architecture: 'llama', contextTokens: 4096 });
    rmSync(folder, { recursive: true, force: true });
  },
);
