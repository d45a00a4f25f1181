/** The folders in which other programs keep models: what lies below them may be registered by its path. */
import { chosenFolder } from './gguf-folders.ts';
import { huggingFaceFolder, llamaCppFolder, lmStudioFolders, ollamaFolders, type Surroundings } from './places.ts';

/** All of them, whether they are there or not. Reads the settings of a program that lets its users choose a folder. */
export function discoveryRoots(surroundings: Surroundings): readonly string[] {
  return [
    huggingFaceFolder(surroundings),
    llamaCppFolder(surroundings),
    ...lmStudioFolders(surroundings, chosenFolder(surroundings)),
    ...ollamaFolders(surroundings),
  ];
}
