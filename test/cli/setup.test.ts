/** setup.sh in a clone without dependencies, with an empty home: what it puts there, and what it leaves alone. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const SETUP = join(import.meta.dir, '..', '..', 'setup.sh');
const WITHIN_MS = 30_000;

let folder: string;
let home: string;
let clone: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-setup-'));
  home = join(folder, 'home');
  // A path that a careless script would break apart.
  clone = join(folder, 'my $clone "1"');
  mkdirSync(home);
  mkdirSync(join(clone, 'src'), { recursive: true });
  copyFileSync(SETUP, join(clone, 'setup.sh'));
  writeFileSync(join(clone, 'package.json'), '{\n  "name": "flow-llm-gateway"\n}\n');
  writeFileSync(
    join(clone, 'src', 'main.ts'),
    'process.stdout.write(["main", process.argv.slice(2).join("|")].join(" "));\n',
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function sh(argv: readonly string[], more: { input?: string; cwd?: string; path?: string } = {}) {
  const path = more.path ?? `${dirname(process.execPath)}:${process.env.PATH ?? ''}`;
  const ended = Bun.spawnSync(['/bin/sh', ...argv], {
    env: { HOME: home, PATH: path },
    cwd: more.cwd ?? folder,
    stdin: more.input === undefined ? 'ignore' : Buffer.from(more.input),
    timeout: WITHIN_MS,
  });
  return { code: ended.exitCode, says: ended.stdout.toString() + ended.stderr.toString() };
}

const setup = () => sh([join(clone, 'setup.sh')]);
const launcher = () => join(home, '.local', 'bin', 'flow');

test('it puts a command in place that starts this clone', () => {
  const { code, says } = setup();
  expect(code).toBe(0);
  expect(says).toContain(`put the command into ${launcher()}`);
  expect(says).toContain('add it to your PATH');
  expect(sh([launcher(), 'logs', 'a b']).says).toBe('main logs|a b');
  expect(statSync(launcher()).mode & 0o777).toBe(0o755);
});

test('a second run changes nothing', () => {
  setup();
  const before = { text: readFileSync(launcher(), 'utf8'), changedMs: statSync(launcher()).mtimeMs };
  const { code, says } = setup();
  expect(code).toBe(0);
  expect(says).toContain('already in place');
  expect({ text: readFileSync(launcher(), 'utf8'), changedMs: statSync(launcher()).mtimeMs }).toEqual(before);
  expect(readdirSync(dirname(launcher()))).toEqual(['flow']);
});

test('a command of the same name that is not Flow is left alone', () => {
  mkdirSync(dirname(launcher()), { recursive: true });
  writeFileSync(launcher(), '#!/bin/sh\necho the other flow\n', { mode: 0o755 });
  const { code, says } = setup();
  expect(code).toBe(0);
  expect(says).toContain("is not Flow's; left alone");
  expect(says).toContain('bun run flow');
  expect(readFileSync(launcher(), 'utf8')).toContain('the other flow');
});

test('the command of an earlier clone is replaced', () => {
  mkdirSync(dirname(launcher()), { recursive: true });
  writeFileSync(launcher(), '#!/bin/sh\nexec "/bun" "/old/src/main.ts" "$@"\n', { mode: 0o755 });
  expect(setup().says).toContain('put the command into');
  expect(sh([launcher()]).says).toBe('main ');
});

test('from a pipe, or outside of a clone, it says how it is done', () => {
  const piped = sh([], { input: readFileSync(SETUP, 'utf8') });
  expect(piped).toEqual({ code: 1, says: expect.stringContaining('Clone the repository, then run ./setup.sh in it.') });
  copyFileSync(SETUP, join(folder, 'setup.sh'));
  expect(sh([join(folder, 'setup.sh')]).code).toBe(1);
  expect(readdirSync(home)).toEqual([]);
});

test('without Bun and a way to get it, it says so', () => {
  const tools = join(folder, 'tools');
  mkdirSync(tools);
  for (const name of ['dirname', 'grep', 'cat', 'sed', 'mkdir', 'chmod']) {
    const program = Bun.which(name) ?? '';
    writeFileSync(join(tools, name), `#!/bin/sh\nexec ${program} "$@"\n`, { mode: 0o755 });
  }
  const { code, says } = sh([join(clone, 'setup.sh')], { path: tools });
  expect({ code, says }).toEqual({ code: 1, says: expect.stringContaining('Bun is missing') });
});

test('a Bun that is too old is refused', () => {
  const tools = join(folder, 'tools');
  mkdirSync(tools);
  writeFileSync(join(tools, 'bun'), '#!/bin/sh\necho 1.3.14\n', { mode: 0o755 });
  const { code, says } = sh([join(clone, 'setup.sh')], { path: `${tools}:/usr/bin:/bin` });
  expect({ code, says }).toEqual({ code: 1, says: expect.stringContaining('older than 1.4') });
});
