/** Who listens on a port, as far as the system tells us without special rights. */
import { readdir, readFile, readlink } from 'node:fs/promises';

const LISTEN_STATE = '0A';
const LOOK_TIME_MS = 1_500;

/** A name and process number such as `python3 (4711)`, or null when it cannot be told. Never throws. */
export async function portHolder(port: number): Promise<string | null> {
  return process.platform === 'linux' ? holderByProc(port) : holderByLsof(port);
}

async function holderByProc(port: number): Promise<string | null> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readOrEmpty(path)));
  const inode = tables
    .flatMap((table) => table.split('\n'))
    .map((line) => listeningInode(line, port))
    .find(Boolean);
  if (!inode) return null;
  for (const pid of await namesIn('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of await namesIn(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (target !== `socket:[${inode}]`) continue;
      const name = (await readOrEmpty(`/proc/${pid}/comm`)).trim();
      return `${name || 'process'} (${pid})`;
    }
  }
  return null;
}

function listeningInode(line: string, port: number): string | null {
  const fields = line.trim().split(/\s+/);
  const local = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
  return local === port && fields[3] === LISTEN_STATE ? (fields[9] ?? null) : null;
}

async function holderByLsof(port: number): Promise<string | null> {
  try {
    const lsof = Bun.spawn(['lsof', '-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fcp'], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
      timeout: LOOK_TIME_MS,
    });
    const fields = (await new Response(lsof.stdout).text()).split('\n');
    const pid = fields.find((field) => field.startsWith('p'))?.slice(1);
    const name = fields.find((field) => field.startsWith('c'))?.slice(1);
    return pid ? `${name ?? 'process'} (${pid})` : null;
  } catch {
    return null;
  }
}

async function readOrEmpty(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

async function namesIn(path: string): Promise<readonly string[]> {
  return readdir(path).catch(() => []);
}
