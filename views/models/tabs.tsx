/** @jsxImportSource @kitajs/html */
/** The parts of the models' page: what is here, what could be, what is on its way, what lies elsewhere. */
import { PageHead } from '../parts/page-head.tsx';
import { Tabs } from '../parts/tabs.tsx';

export type ModelsTab = 'mine' | 'get' | 'downloads' | 'import';

export type ModelsTabsProps = {
  readonly current: ModelsTab;
  /** Downloads that are under way. */
  readonly downloads: number;
};

/** How many downloads are under way; `/live` keeps it on each page under `/models`. */
export const downloadsCountId = 'models-downloads-count';

type Known = { readonly name: ModelsTab; readonly label: string; readonly href: string };

const TABS: readonly Known[] = [
  { name: 'mine', label: 'Mine', href: '/models' },
  { name: 'get', label: 'Get', href: '/models/get' },
  { name: 'downloads', label: 'Downloads', href: '/models/downloads' },
  { name: 'import', label: 'Import', href: '/models/import' },
];

/** The heading and the tabs of every page under `/models`. */
export function ModelsTabs({ current, downloads }: ModelsTabsProps): JSX.Element {
  const tabs = TABS.map((tab) =>
    tab.name === 'downloads' ? { ...tab, count: downloads, countId: downloadsCountId } : tab,
  );
  return (
    <>
      <PageHead title="Models" />
      <Tabs label="Parts of the models' page" tabs={tabs} current={current} />
    </>
  );
}
