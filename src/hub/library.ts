/** The hub as the rest of Flow has it: asked, remembered, and with its token. */
import type { Clock } from '#src/clock.ts';
import type { Settings } from '#src/settings/settings.ts';
import { checkedHubUrl } from './addresses.ts';
import { CachedHub } from './cached-hub.ts';
import type { MeasuredSpeed } from './expected-speed.ts';
import { FitDesk } from './fit-desk.ts';
import type { Hub } from './hub.ts';
import { HubClient } from './hub-client.ts';
import { RemoteHeaders } from './remote-header.ts';
import { HubToken } from './token.ts';

export type HubLibraryParts = {
  readonly clock: Clock;
  readonly settings: () => Settings;
  /** Where the token is kept. */
  readonly tokenPath: string;
  /** Keeps a secret out of the logs. */
  readonly protect: (secret: string) => void;
  readonly budgetBytes: () => number;
  readonly measured: () => readonly MeasuredSpeed[];
};

export type HubLibrary = {
  /** Remembers what it was told for minutes: for people who look around. */
  readonly hub: Hub;
  /** Asks each time: for downloads, which must see a change. */
  readonly direct: Hub;
  readonly token: HubToken;
  readonly headers: RemoteHeaders;
  readonly fits: FitDesk;
  /** Base address of the hub, by the present settings. */
  readonly hubUrl: () => string;
  /** Changes when the hub, or who asks it, changes. */
  readonly edition: () => string;
};

/** Builds it; nothing is asked and nothing imported before the first question. */
export function openHubLibrary(parts: HubLibraryParts): HubLibrary {
  const { clock, settings, budgetBytes, measured } = parts;
  const hubUrl = () => checkedHubUrl(settings().hub_url);
  const token = new HubToken({ path: parts.tokenPath, protect: parts.protect });
  const edition = () => `${settings().hub_url} ${token.edition}`;
  const client = new HubClient({ clock, hubUrl, tokenFor: (origin) => token.tokenFor(origin) });
  const hub = new CachedHub({ hub: client, clock, edition });
  const headers = new RemoteHeaders(hub, clock);
  const fits = new FitDesk({ hub, headers, clock, settings, budgetBytes, measured, edition });
  return { hub, direct: client, token, headers, fits, hubUrl, edition };
}
