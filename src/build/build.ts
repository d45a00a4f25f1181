/**
 * `bun run build [--outfile PATH] [--target bun-darwin-arm64]`: Flow as one executable with everything in it, at
 * `dist/flow` unless said otherwise. For another system than this one Bun fetches its own program for it first.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EMBEDDED_FOLDER, PACKAGE_FILES } from '#src/package-files.ts';

type Build = { readonly outfile: string; readonly target: Bun.Build.CompileTarget | null };

const ROOT = join(import.meta.dir, '..', '..');
const TARGETS: readonly Bun.Build.CompileTarget[] = [
  'bun-darwin-arm64',
  'bun-darwin-x64',
  'bun-linux-arm64',
  'bun-linux-x64',
];

/** Builds it. Throws what Bun finds wrong with the sources; leaves nothing but the executable. */
export async function build({ outfile, target }: Build): Promise<void> {
  const stage = mkdtempSync(join(tmpdir(), 'flow-build-'));
  try {
    const files = join(stage, EMBEDDED_FOLDER);
    for (const path of PACKAGE_FILES) cpSync(join(ROOT, path), join(files, path), { recursive: true });
    mkdirSync(dirname(outfile), { recursive: true });
    await Bun.build({
      entrypoints: ['src/executable.ts', 'src/templates/render-thread.ts'].map((path) => join(ROOT, path)),
      root: join(ROOT, 'src'),
      target: 'bun',
      format: 'esm',
      // A command loads only what it needs, and nothing is parsed at the start (measured: 2 to 4 times faster).
      splitting: true,
      bytecode: true,
      compile: {
        outfile,
        assets: [files],
        ...(target === null ? {} : { target }),
        // Flow is started anywhere: what lies in that folder must not set it up.
        ...{ autoloadDotenv: false, autoloadBunfig: false, autoloadTsconfig: false, autoloadPackageJson: false },
      },
    });
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function wish(argv: readonly string[]): Build {
  const options = { outfile: { type: 'string' }, target: { type: 'string' } } as const;
  const { values } = parseArgs({ args: [...argv], options });
  const target = TARGETS.find((one) => one === values.target) ?? null;
  if (values.target !== undefined && target === null) throw new Error(`--target is one of ${TARGETS.join(', ')}.`);
  return { outfile: resolve(values.outfile ?? join(ROOT, 'dist', 'flow')), target };
}

if (import.meta.main) {
  const { outfile, target } = wish(process.argv.slice(2));
  await build({ outfile, target });
  process.stdout.write(`${outfile} (${(statSync(outfile).size / 1e6).toFixed(0)} MB)\n`);
}
