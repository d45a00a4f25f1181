// What names of files say: quantisation, shards, projectors. What headers say is in remote-header.test.ts.
import { describe, expect, test } from 'bun:test';
import { badgesOf } from '#src/hub/badges.ts';
import { ggufGroups, groupWith, usualProjector } from '#src/hub/gguf-groups.ts';
import { isRepositoryId } from '#src/hub/names.ts';

const files = (...paths: string[]) => paths.map((path) => ({ path, sizeBytes: 10, sha256: null, gitId: null }));

test.each([
  ['model-Q6_K.gguf', 'Q6_K'],
  ['model-Q2_K.gguf', 'Q2_K'],
  ['model-MXFP4.gguf', 'MXFP4'],
  ['gpt-oss-20b-mxfp4.gguf', 'MXFP4'],
  ['model-IQ4_XS.gguf', 'IQ4_XS'],
  ['model-UD-Q4_K_XL.gguf', 'UD-Q4_K_XL'],
  ['model-UD-IQ1_S.gguf', 'UD-IQ1_S'],
  ['model-IQ2_XXS.gguf', 'IQ2_XXS'],
  ['model-TQ1_0.gguf', 'TQ1_0'],
  ['model-IQ4_NL.gguf', 'IQ4_NL'],
  ['model-Q4_K_M-00001-of-00001.gguf', 'Q4_K_M'],
  ['ggml-model-q4_0.gguf', 'Q4_0'],
  ['Model.Q5_K_S.gguf', 'Q5_K_S'],
  ['model-Q8_0.gguf', 'Q8_0'],
  ['model-fp16.gguf', 'F16'],
  ['model-BF16.gguf', 'BF16'],
  ['UD-Q2_K_XL/model.gguf', 'UD-Q2_K_XL'],
  ['model.gguf', null],
])('%s is %p', (path, quantization) => {
  expect(ggufGroups(files(path))[0]).toMatchObject({ quantization, isComplete: true });
});

describe('groups', () => {
  test('shards are one model, in order, and complete only with every one of them', () => {
    const groups = ggufGroups(
      files(
        'q8/big-Q8_0-00002-of-00002.gguf',
        'q8/big-Q8_0-00001-of-00002.gguf',
        'big-Q4_0-00001-of-00003.gguf',
        'big-Q4_0-00003-of-00003.gguf',
      ),
    );
    expect(groups.map(({ files, isComplete }) => [files.length, isComplete])).toEqual([
      [2, true],
      [2, false],
    ]);
    expect(groups[0]?.files[0]?.path).toBe('q8/big-Q8_0-00001-of-00002.gguf');
    expect(groups[0]?.sizeBytes).toBe(20);
    expect(groupWith(groups, 'q8/big-Q8_0-00002-of-00002.gguf')).toBe(groups[0] ?? null);
  });

  test('models come from the best to the smallest; projectors and matrices are no models', () => {
    const groups = ggufGroups(
      files(
        'a-Q4_K_M.gguf',
        'mmproj-a-F32.gguf',
        'a-Q8_0.gguf',
        'mmproj-F16.gguf',
        'imatrix.gguf',
        'a-Q4_0.gguf',
        'x.txt',
      ),
    );
    expect(groups.map(({ role, quantization }) => `${role} ${quantization}`)).toEqual([
      'model Q8_0',
      'model Q4_K_M',
      'model Q4_0',
      'projector F32',
      'projector F16',
      'other null',
    ]);
    expect(usualProjector(groups)?.quantization).toBe('F16');
  });

  test('the variants of one model share a family, and two models do not', () => {
    const [a, b, c] = ggufGroups(files('m-1B-Q8_0.gguf', 'q/m-1B-Q4_K_M.gguf', 'm-4B-IQ2_M.gguf'));
    expect(a?.family).toBe(b?.family ?? '');
    expect(c?.family).not.toBe(a?.family ?? '');
  });
});

test.each([
  ['Qwen/Qwen3-VL-8B-Instruct', { tools: true, vision: true, reasoning: false }],
  ['Qwen/Qwen3-8B', { tools: true, vision: false, reasoning: true }],
  ['openai/gpt-oss-20b', { tools: true, vision: false, reasoning: true }],
  ['maker/novel-writer-7b', { tools: false, vision: false, reasoning: false }],
])('%s is guessed to be able to %p', (id, badges) => {
  expect(badgesOf({ id, tags: [], task: null })).toEqual(badges);
});

test.each(['a/b', 'Qwen/Qwen3-8B', 'a_b/c.d-e'])('%s is a repository', (id) => expect(isRepositoryId(id)).toBeTrue());
test.each(['a', 'a/b/c', '-a/b', 'a/b.', 'a/..', 'a--b/c', 'a/b c', 'a/b\n', 'ä/b'])('%p is none', (id) =>
  expect(isRepositoryId(id)).toBeFalse(),
);
