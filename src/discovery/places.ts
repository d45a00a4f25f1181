/** Where other programs keep their models. Pure: the environment and the home folder come in. */
import { isAbsolute, join } from 'node:path';

export type Surroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly platform: NodeJS.Platform;
};

/** The hub folder of the Hugging Face cache, as its own tools find it. */
export function huggingFaceFolder({ environment, home }: Surroundings): string {
  const named = path(environment.HF_HUB_CACHE, home) ?? path(environment.HUGGINGFACE_HUB_CACHE, home);
  if (named !== null) return named;
  const ofHf = path(environment.HF_HOME, home);
  if (ofHf !== null) return join(ofHf, 'hub');
  return join(path(environment.XDG_CACHE_HOME, home) ?? join(home, '.cache'), 'huggingface', 'hub');
}

/** Where llama.cpp's own programs put what they downloaded, before they shared the Hugging Face cache. */
export function llamaCppFolder({ environment, home, platform }: Surroundings): string {
  const named = path(environment.LLAMA_CACHE, home);
  if (named !== null) return named;
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'llama.cpp');
  return join(path(environment.XDG_CACHE_HOME, home) ?? join(home, '.cache'), 'llama.cpp');
}

/** The models folders LM Studio has had, newest first; `chosen` is one that its settings name. */
export function lmStudioFolders({ home }: Surroundings, chosen: string | null): readonly string[] {
  const usual = [join(home, '.lmstudio', 'models'), join(home, '.cache', 'lm-studio', 'models')];
  return chosen !== null && isAbsolute(chosen) ? [...new Set([chosen, ...usual])] : usual;
}

/** Where LM Studio keeps its settings; a pointer in the home folder may name another place. */
export function lmStudioSettings({ home }: Surroundings): { readonly pointer: string; readonly usual: string } {
  return { pointer: join(home, '.lmstudio-home-pointer'), usual: join(home, '.lmstudio') };
}

/** The folders in which Ollama may keep models: the one it was told, else the user's, then those of its services. */
export function ollamaFolders({ environment, home }: Surroundings): readonly string[] {
  const named = path(environment.OLLAMA_MODELS, home);
  if (named !== null) return [named];
  return [join(home, '.ollama', 'models'), '/usr/share/ollama/.ollama/models', '/var/lib/ollama/models'];
}

function path(text: string | undefined, home: string): string | null {
  const value = text?.trim() ?? '';
  if (value === '~' || value.startsWith('~/')) return join(home, value.slice(1));
  return isAbsolute(value) ? value : null;
}
