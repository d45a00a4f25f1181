/**
 * flow service, with programs in place of systemctl, loginctl and launchctl that write down what they are asked. The
 * unit itself is judged by systemd's own checker where there is one.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Finding } from '#src/cli/doctor/finding.ts';
import { launchAgent, programOfAgent } from '#src/cli/service/launch-agent.ts';
import { planService } from '#src/cli/service/plan.ts';
import { programOfUnit, systemdUnit } from '#src/cli/service/systemd-unit.ts';
import { type Ended, flow } from './flow-command.ts';

/** Answers like a manager that has nothing to object; `refuse` names a word that it fails on. */
const FAKE = `#!/bin/sh
echo "\${0##*/} $*" >> "$HOME/asked"
if [ -f "$HOME/refuse" ] && echo "$*" | grep -qf "$HOME/refuse"; then echo "No medium found" >&2; exit 1; fi
case "$*" in
  *MainPID*) echo "ActiveState=$(cat "$HOME/active" 2>/dev/null || echo active)"
    printf 'SubState=running\\nMainPID=4711\\n';;
  *Linger*) echo "Linger=no";;
  print*flow.gateway) printf 'state = running\\n\\tpid = 4711\\n';;
esac
`;

let home: string;
let unit: string;
let agent: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'flow-service-')));
  mkdirSync(join(home, 'bin'));
  unit = join(home, '.config', 'systemd', 'user', 'flow.service');
  agent = join(home, 'Library', 'LaunchAgents', 'flow.gateway.plist');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function withFakes(): void {
  for (const name of ['systemctl', 'loginctl', 'launchctl']) {
    writeFileSync(join(home, 'bin', name), FAKE);
    chmodSync(join(home, 'bin', name), 0o755);
  }
}

const run = (argv: readonly string[], environment: Record<string, string> = {}): Promise<Ended> =>
  flow(argv, {
    environment: { HOME: home, PATH: `${join(home, 'bin')}:/usr/bin:/bin`, FLOW_PORT: '39', ...environment },
  });
const asked = (): string[] =>
  existsSync(join(home, 'asked')) ? readFileSync(join(home, 'asked'), 'utf8').trim().split('\n') : [];
const SYSTEMD = ['--for', 'systemd'] as const;
const LAUNCHD = ['--for', 'launchd'] as const;

describe('systemd', () => {
  test('install writes the unit, enables it, and says what logging out means', async () => {
    withFakes();
    writeFileSync(join(home, 'active'), 'inactive');
    const done = await run(['service', 'install', ...SYSTEMD]);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('loginctl enable-linger') });
    const text = readFileSync(unit, 'utf8');
    expect(text).toContain('WantedBy=default.target');
    expect(statSync(unit).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(unit))).toEqual(['flow.service']);
    expect(asked().filter((line) => line.startsWith('systemctl'))).toEqual([
      'systemctl --user show --property=Version',
      'systemctl --user daemon-reload',
      'systemctl --user show flow.service --property=ActiveState,SubState,MainPID',
      'systemctl --user enable --now flow.service',
    ]);
  });

  test('what runs already is started anew by the new file', async () => {
    withFakes();
    await run(['service', 'install', ...SYSTEMD]);
    expect(asked()).toContain('systemctl --user restart flow.service');
  });

  test('uninstall stops it, removes the file and tells systemd', async () => {
    withFakes();
    await run(['service', 'install', ...SYSTEMD]);
    rmSync(join(home, 'asked'));
    expect((await run(['service', 'uninstall', ...SYSTEMD])).code).toBe(0);
    expect(existsSync(unit)).toBe(false);
    expect(asked()).toEqual([
      'systemctl --user show --property=Version',
      'systemctl --user disable --now flow.service',
      'systemctl --user daemon-reload',
      'systemctl --user reset-failed flow.service',
    ]);
    expect(await run(['service', 'uninstall', ...SYSTEMD])).toMatchObject({ code: 4 });
  });

  test('a service that will not stop keeps its file, and what systemd said is told', async () => {
    withFakes();
    await run(['service', 'install', ...SYSTEMD]);
    writeFileSync(join(home, 'refuse'), 'disable');
    const refused = await run(['service', 'uninstall', ...SYSTEMD]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('No medium found') });
    expect(existsSync(unit)).toBe(true);
  });

  test('status says the state and the process, and by its code whether it runs', async () => {
    withFakes();
    expect((await run(['service', 'status', ...SYSTEMD])).code).toBe(4);
    await run(['service', 'install', ...SYSTEMD]);
    expect(await run(['service', 'status', ...SYSTEMD])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('active, running, process 4711'),
    });
    writeFileSync(join(home, 'active'), 'failed');
    const failed = await run(['service', 'status', '--json', ...SYSTEMD]);
    expect(failed.code).toBe(3);
    expect(JSON.parse(failed.stdout)).toMatchObject({ state: 'failed, running', is_running: false, file: 'ours' });
  });

  test('where no manager answers, the unit is printed and nothing is written', async () => {
    const done = await run(['service', 'install', ...SYSTEMD], { PATH: join(home, 'bin') });
    expect(done).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was installed') });
    expect(done.stdout).toContain('[Service]');
    expect(existsSync(unit)).toBe(false);
  });

  test('--dry-run prints it and asks nobody', async () => {
    withFakes();
    const done = await run(['service', 'install', '--dry-run', '--port', '4001', ...SYSTEMD]);
    expect(done.stdout).toContain('Environment="FLOW_PORT=4001"');
    expect({ asked: asked(), there: existsSync(unit) }).toEqual({ asked: [], there: false });
  });

  test('no secret gets into it', async () => {
    const key = 'flow-key-that-nobody-must-read';
    const environment = { FLOW_API_KEY: key, HF_TOKEN: 'hf_secretsecretsecret', HTTPS_PROXY: 'http://me:word@proxy' };
    const done = await run(['service', 'install', '--dry-run', ...SYSTEMD], environment);
    expect(done.stdout).not.toMatch(/nobody-must-read|hf_secret|me:word/);
    expect(done.stderr).toContain('flow keys create');
  });

  test('under sudo nothing is installed for the wrong user', async () => {
    withFakes();
    expect((await run(['service', 'install', ...SYSTEMD], { SUDO_USER: 'somebody' })).code).toBe(2);
    expect(existsSync(unit)).toBe(false);
  });

  test.if(Bun.which('systemd-analyze') !== null)('systemd finds nothing wrong with the unit', async () => {
    const { stdout } = await run(['service', 'install', '--dry-run', ...SYSTEMD]);
    const path = join(home, 'flow.service');
    writeFileSync(path, stdout);
    const checked = Bun.spawnSync(['systemd-analyze', 'verify', '--man=no', path], {
      env: { PATH: process.env.PATH ?? '', HOME: home, SYSTEMD_LOG_LEVEL: 'warning' },
    });
    const said = checked.stderr
      .toString()
      .split('\n')
      .filter((line) => line.includes('flow.service'));
    expect({ code: checked.exitCode, said }).toEqual({ code: 0, said: [] });
  });
});

describe('launchd', () => {
  test('install writes the agent, and loads it anew', async () => {
    withFakes();
    const done = await run(['service', 'install', ...LAUNCHD]);
    expect({ code: done.code, stderr: done.stderr }).toEqual({ code: 0, stderr: '' });
    const domain = `gui/${process.getuid?.()}`;
    expect(asked()).toEqual([
      `launchctl print ${domain}`,
      `launchctl bootout ${domain}/flow.gateway`,
      `launchctl enable ${domain}/flow.gateway`,
      `launchctl bootstrap ${domain} ${agent}`,
    ]);
    expect(statSync(agent).mode & 0o777).toBe(0o600);
    // launchd opens the file for what is said before there is a log.
    expect(existsSync(join(home, '.flow', 'logs'))).toBe(true);
    expect((await run(['service', 'status', ...LAUNCHD])).stdout).toContain('running, process 4711');
    expect((await run(['service', 'uninstall', ...LAUNCHD])).code).toBe(0);
    expect({ last: asked().at(-1), there: existsSync(agent) }).toEqual({
      last: `launchctl bootout ${domain}/flow.gateway`,
      there: false,
    });
  });

  test('the property list is well formed', () => {
    const plan = planService({ 'models-dir': '/a&b/<c>' }, { HOME: '/home/x', PATH: '/usr/bin' });
    const text = launchAgent(plan);
    const open: string[] = [];
    for (const [, end, name = '', closed] of text.replace(/<[?!][^>]*>/g, '').matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
      if (end) expect(open.pop()).toBe(name);
      else if (!closed) open.push(name);
    }
    expect(open).toEqual([]);
    expect(text).toContain('<string>/a&amp;b/&lt;c&gt;</string>');
    expect(text.match(/<!--[\s\S]*?-->/)?.[0].slice(4, -3)).not.toContain('--');
    expect(programOfAgent(text)).toEqual([...plan.argv]);
  });
});

test.each([
  ['another program', (path: string) => writeFileSync(path, '[Service]\nExecStart=/opt/other\n')],
  ['a link', (path: string) => symlinkSync('/nowhere/at/all', path)],
  ['a folder', (path: string) => mkdirSync(path)],
])('%s in the place of the file is neither overwritten nor removed', async (_, put) => {
  withFakes();
  mkdirSync(dirname(unit), { recursive: true });
  put(unit);
  expect(await run(['service', 'install', ...SYSTEMD])).toMatchObject({
    code: 10,
    stderr: expect.stringContaining('was not written by Flow'),
  });
  expect((await run(['service', 'uninstall', ...SYSTEMD])).code).toBe(10);
  expect(asked().filter((line) => /enable|disable/.test(line))).toEqual([]);
  expect(readdirSync(dirname(unit))).toEqual(['flow.service']);
});

test('every word of the program comes back from the unit as it went in, and none is read as anything else', () => {
  const argv = ['/opt/my "flow"/100%', '\\n', '$HOME', '%h', 'a b', ';'];
  const text = systemdUnit({ argv, environment: { A: 'x"y\\z%' }, outputPath: '/x' });
  expect(programOfUnit(text)).toEqual(argv);
  expect(text).toContain(String.raw`Environment="A=x\"y\\z%%"`);
  expect(() => planService({ 'models-dir': '/a\nExecStart=/bin/evil' }, { HOME: '/x' })).toThrow('cannot hold');
});

describe('doctor', () => {
  const found = async (): Promise<Finding[]> => {
    const { stdout } = await run(['doctor', '--json']);
    return JSON.parse(stdout).findings.filter(({ check }: Finding) => check === 'service');
  };

  test('says nothing without a service, and is content with one that starts this Flow', async () => {
    withFakes();
    expect(await found()).toEqual([]);
    await run(['service', 'install', ...SYSTEMD]);
    expect(await found()).toMatchObject([{ level: 'good' }]);
  });

  test('finds a service whose program has gone, one of another Flow, and one that is not ours', async () => {
    withFakes();
    await run(['service', 'install', ...SYSTEMD]);
    const text = readFileSync(unit, 'utf8');
    writeFileSync(unit, text.replace('main.ts', 'gone.ts'));
    expect(await found()).toMatchObject([{ level: 'bad', fix: 'flow service install' }]);
    writeFileSync(unit, text.replace('" "serve"', '" "serve" "--port" "1"'));
    expect(await found()).toMatchObject([{ level: 'warning', says: expect.stringContaining('another Flow') }]);
    writeFileSync(unit, '[Service]\n');
    expect(await found()).toMatchObject([{ level: 'warning', says: expect.stringContaining('not written by Flow') }]);
  });
});
