/** Questions to a server of ours on loopback, asked past every proxy. */
import { jsonOrNull } from '#src/json.ts';

/** An answer: its status, and its body where that is JSON (null otherwise). */
export type Answer = { readonly status: number; readonly body: unknown };

/** Asks for JSON; posts `body` where there is one. Rejects when there is no answer. */
export async function ask(
  url: string,
  signal: AbortSignal,
  { apiKey = '', body }: { readonly apiKey?: string; readonly body?: unknown } = {},
): Promise<Answer> {
  const response = await fetch(url, {
    // HTTP_PROXY is for the world outside: Bun's fetch would ask it for loopback too.
    proxy: false,
    signal,
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'accept-encoding': 'identity',
      connection: 'close',
      ...(apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: jsonOrNull(text) };
}

/** Whether `/health` answers, or wants a key first, which it is asked with later. Never throws. */
export async function isHealthy(baseUrl: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { status } = await ask(`${baseUrl}/health`, signal);
    return status === 200 || status === 401;
  } catch {
    return false;
  }
}
