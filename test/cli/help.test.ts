/** What can be asked without a running Flow: help, version, completions. */
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import packageFile from '../../package.json' with { type: 'json' };
import { flow } from './flow-command.ts';

const NAMES = [
  'serve',
  'pull',
  'run',
  'ps',
  'models',
  'requests',
  'logs',
  'load',
  'unload',
  'add',
  'rm',
  'undo',
  'alias',
  'fit',
  'connect',
  'external',
  'keys',
  'import',
  'engines',
  'service',
  'doctor',
  'completions',
] as const;

describe('help', () => {
  test('lists every command in the order of the README, and each is named there', async () => {
    const { code, stdout } = await flow(['help']);
    expect(code).toBe(0);
    expect([...stdout.matchAll(/^ {2}(\w+) {2}/gm)].map((match) => match[1])).toEqual([...NAMES, 'flow']);
    const readme = await Bun.file(join(import.meta.dir, '..', '..', 'README.md')).text();
    for (const name of NAMES.filter((one) => one !== 'serve')) expect(readme).toContain(`flow ${name}`);
  });

  for (const name of NAMES) {
    test(`${name} --help shows its usage, options and examples`, async () => {
      const { code, stdout } = await flow([name, '--help']);
      expect(code).toBe(0);
      expect(stdout).toStartWith(`Usage: flow ${name}`);
      expect(stdout).toContain('\nOptions:\n');
      expect(stdout).toContain('\nExamples:\n  ');
      expect((await flow(['help', name])).stdout).toBe(stdout);
    });
  }

  test('--help and --version work without a command', async () => {
    expect((await flow(['--help'])).stdout).toContain('Usage: flow [COMMAND]');
    expect(await flow(['--version'])).toMatchObject({ code: 0, stdout: `flow ${packageFile.version}\n` });
    expect((await flow(['-h'])).code).toBe(0);
  });
});

describe('completions', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    test(`${shell} gets a script that knows every command`, async () => {
      const { code, stdout } = await flow(['completions', shell]);
      expect(code).toBe(0);
      for (const name of NAMES) expect(stdout).toContain(name);
      const program = Bun.which(shell);
      if (!program) return;
      const checked = Bun.spawnSync([program, '-n'], { stdin: Buffer.from(stdout), timeout: 10_000 });
      expect({ code: checked.exitCode, says: checked.stderr.toString() }).toEqual({ code: 0, says: '' });
    });
  }

  test('bash completes commands, their words and nothing else', async () => {
    const { stdout } = await flow(['completions', 'bash']);
    const completed = (words: string): string =>
      Bun.spawnSync(
        [
          'bash',
          '-c',
          `${stdout}\nCOMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _flow; echo "\${COMPREPLY[*]}"`,
        ],
        { timeout: 10_000 },
      )
        .stdout.toString()
        .trim();
    expect(completed('flow mo')).toBe('models');
    expect(completed('flow engines in')).toBe('install');
    expect(completed('flow completions z')).toBe('zsh');
  });

  test('fish completes the same', async () => {
    const fish = Bun.which('fish');
    if (!fish) return;
    const { stdout } = await flow(['completions', 'fish']);
    const script = `${stdout}\ncomplete -C 'flow mo'; complete -C 'flow engines in'`;
    const completed = Bun.spawnSync([fish, '--no-config', '-c', script], { timeout: 10_000 });
    expect(completed.stdout.toString()).toBe('models\ninstall\n');
  });
});
