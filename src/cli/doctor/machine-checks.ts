/** The machine round Flow: open files, its clock, its sleep, and engines that everybody on the network can reach. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Environment } from '#src/config.ts';
import { listenerOn } from '#src/external/listener-process.ts';
import { keepAwakeProgram } from '#src/host/keep-awake.ts';
import { bad, type Finding, good, warning } from './finding.ts';

/** A stream takes two; engines, files and pages come on top. */
const FILES_MIN = 256;
const FILES_ENOUGH = 1_024;
const DAY_MS = 86_400_000;
/** Flow did not exist before; a machine that says so has no clock that runs while it is off. */
const EARLIEST_MS = Date.UTC(2025, 0, 1);
const PORTS_MAX = 200;
const LISTENING = '0A';
const ANY_ADDRESS = /^0+$/;
const ENGINES: ReadonlySet<string> = new Set(['llama-server', 'mlx_lm.server', 'mlx_vlm.server']);
/** An interpreter, its flags, and the program. */
const ENGINE_WORDS = 4;

/** How many files Flow may have open; null where the system does not say. Pure. */
export function checkOpenFiles(filesMax: number | null): Finding {
  const check = 'open-files';
  if (filesMax === null) return good(check, 'The limit of open files is not known here.');
  const says = `A program may have ${filesMax} files open`;
  const fix = 'Raise the limit where Flow is started: ulimit -n 65536 (flow service install does it).';
  if (filesMax < FILES_MIN) return bad(check, `${says}; Flow needs more for a few dozen requests.`, fix);
  return filesMax < FILES_ENOUGH
    ? warning(check, `${says}; hundreds of requests need more.`, fix)
    : good(check, `${says}.`);
}

/** Whether the clock may be right: records carry its times, and certificates are judged by it. */
export function checkClock(dataDir: string, nowMs: number): Finding {
  const check = 'clock';
  const now = new Date(nowMs).toISOString();
  const fix = 'Set the clock of this computer (timedatectl, or its date settings).';
  if (nowMs < EARLIEST_MS) return bad(check, `The clock says ${now}: downloads will not trust any certificate.`, fix);
  const newest = ['settings.json', 'flow.db', 'flow.db-wal']
    .map((name) => statSync(join(dataDir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0)
    .reduce((latest, mtimeMs) => Math.max(latest, mtimeMs), 0);
  if (newest < nowMs + DAY_MS) return good(check, 'The clock is plausible.');
  const written = new Date(newest).toISOString();
  return warning(check, `The clock says ${now}, but Flow wrote its files at ${written}.`, fix);
}

/** Whether the computer is kept awake. It is no fault when it is not. Pure but for the look at PATH. */
export function checkSleep(isWished: boolean, { PATH = '' }: Environment, platform = process.platform): Finding {
  const check = 'sleep';
  const program = keepAwakeProgram(platform);
  if (!isWished) return good(check, 'The computer may fall asleep while requests run (keep_awake is off).');
  if (program !== null && Bun.which(program, { PATH }) !== null) {
    return good(check, `${program} keeps the computer awake while requests run.`);
  }
  const lacking = program ?? 'a program for it';
  return good(check, `Nothing keeps the computer awake while requests run: ${lacking} is not here.`);
}

/** Engines of this user that listen on all addresses: everybody on the network may use them, past Flow's keys. */
export async function checkExposedEngines(): Promise<readonly Finding[]> {
  const check = 'exposed-engines';
  const seen = await Promise.all(openPorts().map(async (port) => ({ port, listener: await listenerOn(port) })));
  const engines = seen.flatMap(({ port, listener }) =>
    listener !== null && isEngine(listener.executable, listener.pid) ? [{ port, pid: listener.pid }] : [],
  );
  if (engines.length === 0) return [good(check, 'No engine is open to the network.')];
  return engines.map(({ port, pid }) => {
    const fix = `Start it with --host 127.0.0.1, or stop it: kill ${pid}`;
    return warning(check, `An engine (process ${pid}) listens on all addresses, port ${port}.`, fix);
  });
}

function isEngine(executable: string, pid: number): boolean {
  if (ENGINES.has(basename(executable))) return true;
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    return words.slice(0, ENGINE_WORDS).some((word) => ENGINES.has(basename(word)));
  } catch {
    return false;
  }
}

/** Ports that are open on every address, as Linux tells; none elsewhere. */
function openPorts(): readonly number[] {
  const ports = new Set<number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of linesOf(`/proc/net/${table}`)) {
      const [, local = '', , state] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      if (state === LISTENING && ANY_ADDRESS.test(address)) ports.add(Number.parseInt(port, 16));
    }
  }
  return [...ports].slice(0, PORTS_MAX);
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'latin1').split('\n').slice(1);
  } catch {
    return [];
  }
}

/** Copies of damaged files that earlier starts have kept. */
export function checkSetAside(dataDir: string): readonly Finding[] {
  const check = 'set-aside';
  const kept = namesIn(dataDir).filter((name) => /^(?:flow\.db|settings\.json)\.bad-\d+$/.test(name));
  if (kept.length === 0) return [];
  const says = `${dataDir} keeps ${kept.join(', ')}: files that an earlier start found damaged and replaced.`;
  const paths = kept.map((name) => `'${join(dataDir, name)}'*`).join(' ');
  const fix = `See whether anything is missing (flow models); else: rm ${paths}`;
  return [warning(check, says, fix)];
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
