/** @jsxImportSource @kitajs/html */
/** The way round: only what exists is listed. */
import { Icon, type IconName } from './parts/icon.tsx';

/** Pages in the navigation. */
export type PageName = 'monitor';

const ENTRIES: readonly { name: PageName; href: string; label: string; icon: IconName }[] = [
  { name: 'monitor', href: '/', label: 'Monitor', icon: 'monitor' },
];

export function Nav({ current }: { current: PageName | null }): JSX.Element {
  return (
    <nav class="nav" aria-label="Pages">
      <a class="nav__mark" href="/" aria-label="Flow, first page">
        <Icon name="flow" />
        <span class="nav__name">Flow</span>
      </a>
      <ul class="nav__list">
        {ENTRIES.map(({ name, href, label, icon }) => (
          <li>
            <a class="nav__link" href={href} {...(name === current ? { 'aria-current': 'page' } : {})}>
              <Icon name={icon} />
              <span safe>{label}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
