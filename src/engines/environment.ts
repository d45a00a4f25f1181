/** The environment an engine gets: a few names of Flow's own, nothing else. */

/** What Flow itself runs with; usually `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const HANDED_ON = new Set([
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'LANGUAGE',
  'XDG_RUNTIME_DIR',
  'XDG_DATA_DIRS',
  'CUDA_VISIBLE_DEVICES',
  'CUDA_DEVICE_ORDER',
  'ROCR_VISIBLE_DEVICES',
  'HSA_OVERRIDE_GFX_VERSION',
  'ONEAPI_DEVICE_SELECTOR',
]);
const HANDED_ON_PREFIXES = ['LC_', 'HIP_', 'GGML_', 'VK_', 'METAL_', 'MTL_'];

/** Names that make a dynamic loader or a tool run code of someone's choosing, or hand over a secret. */
const KEPT_FROM_TOOLS = /^(LD_|DYLD_|LLAMA_|HF_|HUGGING_FACE_|FLOW_)/;

/**
 * The environment of an engine. An allow-list, because llama-server reads every flag from `LLAMA_ARG_*` too, so one
 * inherited name could open it to the network. `libraryPath` goes to both loaders' variables.
 */
export function engineEnvironment(environment: Environment, libraryPath: string | null): Record<string, string> {
  const handedOn = pick(
    environment,
    (name) => HANDED_ON.has(name) || HANDED_ON_PREFIXES.some((p) => name.startsWith(p)),
  );
  const loader = libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath, DYLD_LIBRARY_PATH: libraryPath };
  return { ...handedOn, ...loader };
}

/**
 * The environment of an installer (pip, brew, tar): the user's own, with proxies and mirrors, less what is dangerous
 * or secret.
 */
export function toolEnvironment(environment: Environment): Record<string, string> {
  return pick(environment, (name) => !KEPT_FROM_TOOLS.test(name));
}

function pick(environment: Environment, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value !== undefined && wanted(name) ? [[name, value]] : [],
    ),
  );
}
