/** Which Python packages make an MLX server on this machine. Pure. */
import { MLX_PROGRAMS, type MlxKind } from './kinds.ts';

/** The machine, in Node's words: `linux`, `darwin`; `x64`, `arm64`. */
export type Machine = { readonly platform: string; readonly architecture: string };

export type PackageSet = {
  /** In the language of requirement files. */
  readonly requirements: readonly string[];
  /** What the packages' own wishes are replaced by; only uv can do this. */
  readonly overrides: readonly string[];
  /** Further Python modules that Flow writes into the environment. */
  readonly modules: readonly { readonly name: string; readonly text: string }[];
};

/** Why there is no MLX server for this machine; null when there is. */
export function unsupported({ platform, architecture }: Machine): string | null {
  if (platform === 'darwin') {
    return architecture === 'arm64' ? null : 'MLX needs a Mac with Apple silicon; this one has an Intel processor.';
  }
  if (platform === 'linux') return null;
  return 'MLX runs on Macs with Apple silicon and on Linux, not on this system.';
}

/** The packages of one version of a kind: the tested one with all that was tested with it, another by itself. */
export function packageSet(kind: MlxKind, version: string, { platform }: Machine): PackageSet {
  const program = MLX_PROGRAMS[kind];
  const isTested = version === program.version;
  const server = `${program.packageName}==${version}`;
  const pins = isTested ? program.pins : [];
  const pinned = (name: string) => (isTested ? `${name}==${program.mlx}` : name);
  if (platform === 'darwin') return { requirements: [pinned('mlx'), server, ...pins], overrides: [], modules: [] };
  const requirements = [pinned('mlx[cpu]'), server, ...pins];
  if (kind !== 'mlx-openai-server') return { requirements, overrides: [], modules: [] };
  return { requirements, overrides: LEFT_OUT, modules: [{ name: 'torch.py', text: TORCH_STAND_IN }] };
}

// mflux asks for CUDA's MLX on Linux, so that the newest version could not be had at all, and torch for 5 GB of CUDA
// libraries; serving text needs neither. A marker that is never true leaves a package out.
const LEFT_OUT = ['torch', 'torchvision', 'mflux', 'mlx-whisper'].map((name) => `${name} ; sys_platform == 'never'`);

// outlines_core and the server's image part import torch at their start, and a pickler looks for these classes when
// something of that name is loaded. Version 0 makes transformers take it as absent.
const TORCH_STAND_IN = `"""Stands in for PyTorch, which serving text does not need. Written by Flow."""
import types

__version__ = "0.0.0"


class Tensor:
    pass


class Generator:
    pass


class dtype:
    pass


nn = types.SimpleNamespace(Module=type("Module", (), {}))


def tensor(*_values, **_options):
    raise ImportError("PyTorch is not installed; this environment was made to serve text.")
`;
