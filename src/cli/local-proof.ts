/** How the command line shows Flow whose it is. */
import { readConfig } from '#src/config.ts';
import { LOCAL_KEY_HEADER, readLocalKey } from '#src/store/local-key.ts';
import type { Context } from './command.ts';

/** The header that proves that this is the user whom Flow runs for; none where this user may not read the key. */
export function localProof({ flags, environment }: Pick<Context, 'flags' | 'environment'>): Record<string, string> {
  const key = readLocalKey(readConfig(flags, environment).dataDir);
  return key === null ? {} : { [LOCAL_KEY_HEADER]: key };
}
