/** Keys that are over, and a hub token that the hub no longer takes. No secret is shown. */
import { join } from 'node:path';
import { readHeldToken } from '#src/hub/token.ts';
import { expiredKeyNames } from '#src/store/stored-keys.ts';
import { bad, type Finding, good, warning } from './finding.ts';

const ASK_MS_MAX = 3_000;

/** Nothing where every key still counts. */
export function checkKeys(dataDir: string, nowMs: number): readonly Finding[] {
  const names = expiredKeyNames(join(dataDir, 'flow.db'), nowMs);
  if (names.length === 0) return [];
  const says = `${names.length === 1 ? 'A key is' : `${names.length} keys are`} over: ${names.join(', ')}.`;
  return [warning('keys', says, 'flow keys change NAME --expires 90d, or: flow keys revoke NAME')];
}

/** Whether the hub takes the token that Flow keeps for it; nothing where there is none. The hub is asked once. */
export async function checkHubToken(dataDir: string, hubUrl: string): Promise<readonly Finding[]> {
  const check = 'hub-token';
  const held = readHeldToken(join(dataDir, 'hub-token.json'));
  const { origin } = new URL(hubUrl);
  if (held === null || held.origin !== origin) return [];
  try {
    const { status } = await fetch(`${hubUrl}/api/whoami-v2`, {
      headers: { authorization: `Bearer ${held.token}` },
      signal: AbortSignal.timeout(ASK_MS_MAX),
      redirect: 'manual',
    });
    if (status === 401 || status === 403) {
      return [bad(check, `${origin} refuses the token (${status}).`, 'Make a new one there, and save it in Settings.')];
    }
    return [good(check, status === 200 ? `${origin} takes the token.` : `${origin} does not say (${status}).`)];
  } catch {
    return [good(check, `${origin} could not be asked about the token.`)];
  }
}
