/** Makes pages and fragments small on their way out: markup shrinks to a fifth. */

/** What the shell's answers vary by; what other answers do not, such as an engine's own pages, are left as they are. */
export const PAGE_VARIES_BY = 'hx-request-type, accept-encoding';

/** Smaller ones fit a packet anyway. */
const COMPRESS_FROM_BYTES = 1_400;

/** Whether an answer is a page or fragment for somebody who takes gzip. */
export function isCompressible(request: Request, { headers, body }: Response): boolean {
  if (headers.get('vary') !== PAGE_VARIES_BY || headers.has('content-encoding') || body === null) return false;
  return request.headers.get('accept-encoding')?.includes('gzip') ?? false;
}

/** The same answer, compressed when that is worth it. */
export async function compressPage(response: Response): Promise<Response> {
  const { status, headers } = response;
  const plain = await response.bytes();
  if (plain.byteLength < COMPRESS_FROM_BYTES) return new Response(plain, { status, headers });
  headers.set('content-encoding', 'gzip');
  headers.delete('content-length');
  return new Response(Bun.gzipSync(plain), { status, headers });
}
