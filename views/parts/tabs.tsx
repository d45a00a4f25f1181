/** @jsxImportSource @kitajs/html */
/** Parts of a page that have addresses of their own. Links, so that back, reload and a new tab do what they should. */

export type Tab = {
  readonly name: string;
  readonly label: string;
  readonly href: string;
  /** A number beside the label, such as how many are under way; null = none. */
  readonly count?: number | null;
  /** Where the number is kept true; then its place is there also while there is none. */
  readonly countId?: string;
};

export function Tabs({ label, tabs, current }: { label: string; tabs: readonly Tab[]; current: string }): JSX.Element {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a class="tabs__one" href={tab.href} {...(tab.name === current ? { 'aria-current': 'page' } : {})}>
          <span safe>{tab.label}</span>
          <Count tab={tab} />
        </a>
      ))}
    </nav>
  );
}

function Count({ tab: { count, countId } }: { tab: Tab }): JSX.Element {
  const text = count ? String(count) : '';
  if (text === '' && countId === undefined) return '';
  return (
    <span class="tabs__count" {...(countId === undefined ? {} : { id: countId })} safe>
      {text}
    </span>
  );
}
