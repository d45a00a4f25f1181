/**
 * A llama-server that breaks on tools and on nothing else: the real one behind a door that answers 500 to them. Run as
 * `bun toolless-server.ts REAL_PROGRAM …its arguments`.
 */
import { argv } from 'node:process';

const [real = '', ...rest] = argv.slice(2);
const at = rest.indexOf('--port');
const port = Number(rest[at + 1]);

if (at < 0) process.exit(Bun.spawnSync([real, ...rest], { stdio: ['ignore', 'inherit', 'inherit'] }).exitCode);

const innerPort = port + 20_000;
const inner = rest.map((argument, index) => (index === at + 1 ? String(innerPort) : argument));
const child = Bun.spawn([real, ...inner], { stdio: ['inherit', 'inherit', 'inherit'] });
Bun.serve({
  hostname: '127.0.0.1',
  port,
  idleTimeout: 0,
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const body = request.method === 'POST' ? await request.text() : null;
    if (body?.includes('"tools"'))
      return Response.json({ error: { message: 'tools are broken here' } }, { status: 500 });
    const headers = { authorization: request.headers.get('authorization') ?? '', 'content-type': 'application/json' };
    return fetch(`http://127.0.0.1:${innerPort}${pathname}${search}`, { method: request.method, headers, body });
  },
});
process.exit(await child.exited);
