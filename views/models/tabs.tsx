/** @jsxImportSource @kitajs/html */
/** The parts of the models' page: what is here, what could be, what is on its way, what lies elsewhere. */
import { PageHead } from '../parts/page-head.tsx';
import { Tabs } from '../parts/tabs.tsx';

export type ModelsTab = 'mine' | 'get' | 'downloads' | 'import';

export type ModelsTabsProps = {
  readonly current: ModelsTab;
  /** Downloads that are under way; null where nobody counts them. */
  readonly downloads?: number | null;
};

type Known = { readonly name: ModelsTab; readonly label: string; readonly href: string };

/** Only what exists is listed, in the order mine, get, downloads, import. */
const TABS: readonly Known[] = [
  { name: 'mine', label: 'Mine', href: '/models' },
  { name: 'get', label: 'Get', href: '/models/get' },
  { name: 'downloads', label: 'Downloads', href: '/models/downloads' },
  { name: 'import', label: 'Import', href: '/models/import' },
];

/** The heading and the tabs of every page under `/models`. */
export function ModelsTabs({ current, downloads = null }: ModelsTabsProps): JSX.Element {
  const tabs = TABS.map((tab) => (tab.name === 'downloads' ? { ...tab, count: downloads } : tab));
  return (
    <>
      <PageHead title="Models" />
      {tabs.length < 2 ? '' : <Tabs label="Parts of the models' page" tabs={tabs} current={current} />}
    </>
  );
}
