/** What a build of llama.cpp computes with, told by the libraries that came along with it. */
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

const NAMES: Readonly<Record<string, string>> = {
  cuda: 'CUDA',
  vulkan: 'Vulkan',
  hip: 'ROCm',
  metal: 'Metal',
  sycl: 'SYCL',
  opencl: 'OpenCL',
  cpu: 'CPU',
};
const LIBRARY = /^(?:lib)?ggml-([a-z]+)[\w-]*\.(?:so|dylib|dll)/;
/** Beside the program, and where a package manager puts libraries. */
const FOLDERS = ['.', '../lib', '../libexec'];

/** `Vulkan`, `CUDA` and the like, graphics cards first; empty when no library tells (a build in one piece). */
export function buildBackends(executable: string): readonly string[] {
  const folder = dirname(realOrSame(executable));
  const libraries = FOLDERS.flatMap((name) => namesIn(join(folder, name)));
  const found = new Set(libraries.map((name) => LIBRARY.exec(name)?.[1] ?? ''));
  return Object.entries(NAMES).flatMap(([key, name]) => (found.has(key) ? [name] : []));
}

function realOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
