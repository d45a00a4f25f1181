/** Another origin: a server that counts who comes. Nothing that Flow shows may ever lead a browser there by itself. */

export type Elsewhere = AsyncDisposable & { readonly origin: string; readonly visits: readonly string[] };

/** Starts it on a free port. */
export function startElsewhere(): Elsewhere {
  const visits: string[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      visits.push(`${request.method} ${new URL(request.url).pathname}`);
      return new Response('seen', { headers: { 'access-control-allow-origin': '*' } });
    },
  });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    visits,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
