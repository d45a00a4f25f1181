/** The port, who could reach it, and who else serves models here. */
import { portHolder } from '#src/web/port-holder.ts';
import { catchesLoopback, proxiesOf } from '../loopback.ts';
import { bad, type Finding, good, warning } from './finding.ts';

/** Who answers where Flow should. */
export type Answering =
  | { readonly kind: 'flow'; readonly version: string }
  | { readonly kind: 'stranger' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'nobody' };

/** What Flow listens on. */
export type Door = { readonly host: string; readonly port: number };

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '::1']);
const LOOK_MS = 700;

/** Whether Flow answers and is this very version, or could start. */
export async function checkPort(door: Door, answering: Answering, ownVersion: string): Promise<Finding> {
  const check = 'port';
  const where = `${door.host}:${door.port}`;
  switch (answering.kind) {
    case 'flow':
      if (answering.version === ownVersion) return good(check, `Flow ${ownVersion} runs at ${where}.`);
      return warning(
        check,
        `Flow ${answering.version} runs at ${where}; this command is ${ownVersion}.`,
        'Restart Flow, so that both are the same.',
      );
    case 'silent':
      return bad(check, `Something holds ${where} and does not answer${await holder(door)}.`, freePort(door));
    case 'stranger':
      return bad(check, `What answers at ${where} is not Flow${await holder(door)}.`, freePort(door));
    default:
      if (door.port === 0 || canListen(door)) return good(check, `Flow does not run; ${where} is free for it.`);
      return bad(check, `Flow cannot listen on ${where}${await holder(door)}.`, freePort(door));
  }
}

async function holder({ port }: Door): Promise<string> {
  const name = await portHolder(port);
  return name === null ? '' : `: the port is held by ${name}`;
}

const freePort = ({ port }: Door): string =>
  `Stop what holds port ${port}, or give Flow another one: flow --port ${port + 1}`;

/** As Flow does: the address itself, and beside 127.0.0.1 the same port of ::1, which may be missing but not taken. */
function canListen({ host, port }: Door): boolean {
  if (listenTrouble(host, port) !== null) return false;
  const hasTwin = host === '127.0.0.1' || host === 'localhost';
  return !hasTwin || listenTrouble('::1', port) !== 'EADDRINUSE';
}

function listenTrouble(hostname: string, port: number): string | null {
  try {
    Bun.listen({ hostname, port, exclusive: true, socket: { data() {} } }).stop(true);
    return null;
  } catch (cause) {
    return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  }
}

/** Whether others on the network could use it. Pure. */
export function checkExposure({ host }: Door, hasKey: boolean, isOpenAllowed: boolean): Finding {
  const check = 'exposure';
  if (LOOPBACK.has(host)) return good(check, 'Only this machine can reach it.');
  if (hasKey) return good(check, `Others on the network can reach ${host}; they need an API key.`);
  const fix = 'Make a key (flow keys create NAME), set FLOW_API_KEY, or listen on 127.0.0.1.';
  if (isOpenAllowed) return warning(check, `Everybody who can reach ${host} can use this Flow.`, fix);
  return bad(check, `Flow refuses to listen on ${host} without an API key.`, fix);
}

/** Whether a proxy would be asked for this machine itself. Flow's own programs are exempt anyway. Pure. */
export function checkProxies(environment: Readonly<Record<string, string | undefined>>): Finding {
  const names = proxiesOf(environment).join(', ');
  if (names === '') return good('proxy', 'No proxy stands between agents and Flow.');
  if (!catchesLoopback(environment)) return good('proxy', `${names} is set, and 127.0.0.1 is exempt from it.`);
  const fix = 'export NO_PROXY=127.0.0.1,localhost,::1 where agents start.';
  return warning('proxy', `${names} makes agents ask the proxy for 127.0.0.1.`, fix);
}

type Rival = {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly fix: string;
  recognises(response: Response, text: string): boolean;
};

const RIVALS: readonly Rival[] = [
  {
    name: 'Ollama',
    port: 11_434,
    path: '/',
    fix: 'When memory is short: ollama ps, then ollama stop MODEL.',
    recognises: (_, text) => text.includes('Ollama'),
  },
  {
    name: 'LM Studio',
    port: 1234,
    path: '/lmstudio-greeting',
    fix: 'When memory is short: lms unload --all.',
    recognises: (_, text) => text.includes('lmstudio'),
  },
  {
    name: 'llama-server',
    port: 8080,
    path: '/health',
    fix: 'When memory is short: stop it.',
    recognises: (response) => response.headers.get('server') === 'llama.cpp',
  },
];

/** Other servers on this machine, whose models take memory that Flow takes for its own. */
export async function checkRivals(ownPort: number, rivals: readonly Rival[] = RIVALS): Promise<readonly Finding[]> {
  const there = await Promise.all(rivals.filter(({ port }) => port !== ownPort).map(look));
  const found = there.filter((rival) => rival !== null);
  if (found.length === 0) return [good('other-servers', 'No other model server was found here.')];
  return found.map(({ name, port, fix }) =>
    warning('other-servers', `${name} runs at port ${port}; models loaded there take memory from Flow's.`, fix),
  );
}

async function look(rival: Rival): Promise<Rival | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${rival.port}${rival.path}`, {
      signal: AbortSignal.timeout(LOOK_MS),
      redirect: 'manual',
    });
    return rival.recognises(response, await response.text()) ? rival : null;
  } catch {
    return null;
  }
}
