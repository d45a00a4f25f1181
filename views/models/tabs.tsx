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

/** The heading and the tabs of every page under `/models`. */
export function ModelsTabs({ current, downloads = null }: ModelsTabsProps): JSX.Element {
  const tabs = [
    { name: 'mine', label: 'Mine', href: '/models' },
    { name: 'get', label: 'Get', href: '/models/get' },
    { name: 'downloads', label: 'Downloads', href: '/models/downloads', count: downloads },
    { name: 'import', label: 'Import', href: '/models/import' },
  ];
  return (
    <>
      <PageHead title="Models" />
      <Tabs label="Parts of the models' page" tabs={tabs} current={current} />
    </>
  );
}
