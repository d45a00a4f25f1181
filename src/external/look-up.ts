/** Asks the system's resolver, with a bound: some wait half a minute for a name server that is gone. */
import { lookup } from 'node:dns/promises';

const LOOK_UP_MS_MAX = 3_000;

/** All addresses of a name. Rejects when there is none in time. */
export async function systemLookUp(hostname: string): Promise<readonly string[]> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${LOOK_UP_MS_MAX} ms`)), LOOK_UP_MS_MAX);
  try {
    const found = await Promise.race([lookup(hostname, { all: true }), late.promise]);
    return found.map(({ address }) => address);
  } finally {
    clearTimeout(timer);
  }
}
