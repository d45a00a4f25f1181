/** @jsxImportSource @kitajs/html */
/** The frame of every page: head, navigation, content, status bar, and the one live connection. */
import type { Children } from '@kitajs/html';
import { Nav, type PageName } from './nav.tsx';
import { drawerId } from './parts/drawer.tsx';
import { Icon } from './parts/icon.tsx';
import { Notice, noticeId } from './parts/notice.tsx';
import { Palette } from './shell/palette.tsx';
import { Shortcuts } from './shell/shortcuts.tsx';
import { statusId } from './shell/status-line.tsx';

export type LayoutProps = {
  readonly title: string;
  readonly current: PageName | null;
  /** What the live connection tells of; null for none. */
  readonly topic: string | null;
  /** Styles of this page alone. */
  readonly styles: readonly string[];
  /** Scripts of this page alone. */
  readonly scripts: readonly string[];
  readonly version: string;
  /** Addresses of the vendored scripts. */
  readonly vendor: {
    readonly htmx: string;
    readonly sse: string;
    readonly alpineCompat: string;
    readonly alpine: string;
  };
  readonly children: Children;
};

/** Our own scripts, in the order in which they run: before Alpine, which they add components to. */
const SCRIPTS = [
  'appearance',
  'components',
  'connection',
  'dialogs',
  'log-errors',
  'notices',
  'offline',
  'palette',
  'shortcuts',
  'ticking',
] as const;

/** Errors swap nothing unless the element says where; history is the browser's. */
const HTMX_CONFIG = JSON.stringify({
  includeIndicatorCSS: false,
  defaultSwap: 'none',
  history: false,
  // The reader opens and closes details; the server never does.
  morphIgnore: ['data-htmx-powered', 'open'],
  // When there is a connection is decided in `connection.js`.
  sse: { reconnect: false, pauseOnBackground: false, releaseOn: 'end', connectTimeout: 10_000 },
});

export function Layout(props: LayoutProps): JSX.Element {
  const { title, current, topic, styles, scripts, version, vendor, children } = props;
  // A page outside the navigation (not found, sign in) has nothing that changes, and perhaps no right to know.
  const isLive = current !== null;
  return (
    <>
      {'<!doctype html>'}
      <html lang="en" data-version={version}>
        <Head title={title} styles={styles} scripts={scripts} vendor={vendor} />
        <body>
          <a class="skip" href="#content">
            Skip to the content
          </a>
          <div class="shell">
            <header class="shell__rail">
              <Nav current={current} />
              <RailFoot />
            </header>
            <main class="shell__main" id="content" tabindex="-1">
              {children}
            </main>
            <Foot version={version} isLive={isLive} />
          </div>
          <dialog class="drawer" id={drawerId} aria-labelledby="drawer-title" />
          <div class="notices" id={noticeId} />
          <template id="notice-template">
            <Notice tone="info" message="" hint={null} />
          </template>
          {isLive && topic !== null ? <Always topic={topic} /> : ''}
        </body>
      </html>
    </>
  );
}

/** What each browser keeps for itself: its theme, and how wide the menu is. */
function RailFoot(): JSX.Element {
  return (
    <div class="rail-foot">
      <div class="theme" x-data="theme">
        <button class="button button--quiet theme__button" type="button" x-on:click="next">
          <Icon name="theme" />
          <span class="theme__label" x-text="label">
            Theme
          </span>
        </button>
      </div>
      <div class="rail-width" x-data="rail">
        <button class="button button--quiet" type="button" x-on:click="toggle" x-bind:aria-label="label">
          <span aria-hidden="true" x-text="mark">
            «
          </span>
        </button>
      </div>
    </div>
  );
}

function Head({
  title,
  styles,
  scripts,
  vendor,
}: Pick<LayoutProps, 'title' | 'styles' | 'scripts' | 'vendor'>): JSX.Element {
  return (
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="htmx-config" content={HTMX_CONFIG} />
      <title safe>{`${title} · Flow`}</title>
      <link rel="icon" type="image/svg+xml" href="/public/icon.svg" />
      <link rel="apple-touch-icon" href="/public/icons/apple-touch-180.png" />
      <link rel="manifest" href="/public/manifest.webmanifest" />
      <script src="/public/js/theme.js" />
      <link rel="stylesheet" href="/public/css/app.css" />
      {styles.map((name) => (
        <link rel="stylesheet" href={`/public/css/pages/${name}.css`} />
      ))}
      <script defer src={vendor.htmx} />
      <script defer src={vendor.sse} />
      <script defer src={vendor.alpineCompat} />
      {[...SCRIPTS, ...scripts].map((name) => (
        <script defer src={`/public/js/${name}.js`} />
      ))}
      <script defer src={vendor.alpine} />
    </head>
  );
}

function Foot({ version, isLive }: { version: string; isLive: boolean }): JSX.Element {
  return (
    <footer class="shell__foot">
      {isLive ? (
        <span class="connection" id="connection" role="status" data-state="starting">
          connecting
        </span>
      ) : (
        ''
      )}
      <span class="shell__figures" id={statusId} />
      {isLive ? (
        <span class="shell__keys">
          <button class="button button--quiet" type="button" data-opens="palette" aria-keyshortcuts="Control+K">
            <Icon name="search" />
            <span>Find</span>
          </button>
          <button class="button button--quiet" type="button" data-opens="shortcuts" aria-label="Keys">
            ?
          </button>
        </span>
      ) : (
        ''
      )}
      <span class="shell__version" safe>{`Flow ${version}`}</span>
    </footer>
  );
}

/** What every page of the navigation has: the palette, the list of keys, and the one live connection. */
function Always({ topic }: { topic: string }): JSX.Element {
  return (
    <>
      <Palette />
      <Shortcuts />
      <div id="live" hx-sse:connect={`/live?page=${encodeURIComponent(topic)}`} hx-trigger="connect" hx-swap="none" />
    </>
  );
}
