/** @jsxImportSource @kitajs/html */
/** The way round: only what exists is listed, each with a hint of what goes on there. */
import { Icon, type IconName } from './parts/icon.tsx';

/** Pages in the navigation. */
export type PageName = 'monitor' | 'models' | 'chat' | 'telemetry' | 'logs' | 'settings';

export type NavEntry = {
  readonly name: PageName;
  readonly href: string;
  readonly label: string;
  readonly icon: IconName;
};

/** In the order of their use. */
export const NAV_ENTRIES: readonly NavEntry[] = [
  { name: 'monitor', href: '/', label: 'Monitor', icon: 'monitor' },
  { name: 'models', href: '/models', label: 'Models', icon: 'models' },
  { name: 'chat', href: '/chat', label: 'Chat', icon: 'chat' },
  { name: 'telemetry', href: '/telemetry', label: 'Telemetry', icon: 'telemetry' },
  { name: 'logs', href: '/logs', label: 'Logs', icon: 'logs' },
  { name: 'settings', href: '/settings', label: 'Settings', icon: 'settings' },
];

/** Where the hint of an entry stands; filled by `/live`. */
export const navHintId = (name: PageName): string => `nav-hint-${name}`;

export function Nav({ current }: { current: PageName | null }): JSX.Element {
  return (
    <nav class="nav" aria-label="Pages">
      <a class="nav__mark" href="/" aria-label="Flow, first page">
        <Icon name="flow" />
        <span class="nav__name">Flow</span>
      </a>
      <ul class="nav__list">
        {NAV_ENTRIES.map(({ name, href, label, icon }) => (
          <li>
            <a class="nav__link" href={href} title={label} {...(name === current ? { 'aria-current': 'page' } : {})}>
              <Icon name={icon} />
              <span class="nav__label" safe>
                {label}
              </span>
              <span class="nav__hint" id={navHintId(name)} />
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** What goes on at a page, in a word; '' = nothing. */
export function NavHint({ text, words }: { text: string; words: string }): JSX.Element {
  if (text === '') return '';
  return (
    <>
      <span aria-hidden="true" safe>
        {text}
      </span>
      <span class="hidden" safe>
        {`, ${words}`}
      </span>
    </>
  );
}

/** How many lines of the logs were errors since a time, ms since 1970: that of Flow's start. */
export type ErrorsData = { readonly sinceMs: number; readonly count: number };

/** What each browser makes its own number of: the errors since it was last at the logs (`public/js/log-errors.js`). */
export function ErrorsHint({ errors: { sinceMs, count } }: { errors: ErrorsData }): JSX.Element {
  return (
    <span class="nav__errors" data-since={String(sinceMs)} data-errors={String(count)} hidden>
      <span aria-hidden="true" />
      <span class="hidden" />
    </span>
  );
}
