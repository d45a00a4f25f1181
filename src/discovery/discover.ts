/** Looks through the folders of other programs, and tells what could be registered in place. */
import { realpath } from 'node:fs/promises';
import type { Findings, FoundModel } from './found-model.ts';
import { llamaCppModels, lmStudioModels } from './gguf-folders.ts';
import { huggingFaceModels } from './hugging-face.ts';
import { ollamaModels } from './ollama.ts';
import { huggingFaceFolder, llamaCppFolder, ollamaFolders, type Surroundings } from './places.ts';

/**
 * Everything found, each file once: the same blob under two revisions, or reached by a link, is one model. Place by
 * place. Throws the signal's reason when it is aborted.
 */
export async function discover(surroundings: Surroundings, signal: AbortSignal): Promise<Findings> {
  const options = { signal, budget: { entries: 0 } };
  const ofOllama: Findings[] = [];
  for (const root of ollamaFolders(surroundings)) ofOllama.push(await ollamaModels(root, options));
  const places = [
    await huggingFaceModels(huggingFaceFolder(surroundings), options),
    await llamaCppModels(llamaCppFolder(surroundings), options),
    await lmStudioModels(surroundings, options),
    ...ofOllama,
  ];
  const unique = new Map<string, FoundModel>();
  for (const model of places.flatMap(({ models }) => models)) {
    const realPath = await realpath(model.path).catch(() => model.path);
    const content = await realpath(model.contentPath).catch(() => realPath);
    if (!unique.has(content)) unique.set(content, { ...model, realPath });
  }
  const passed = places.flatMap((place) => place.passed);
  return {
    models: [...unique.values()],
    passed: [...new Map(passed.map((one) => [one.path, one])).values()],
  };
}
