/** The pages of single requests over a test's own store, with logs in memory. */
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import { Logs } from '#src/logs/logs.ts';
import { requestPages } from '#src/pages/requests/pages.tsx';
import { openAccounts } from '#src/requests/accounts.ts';
import { RepairLog } from '#src/requests/repair-log.ts';
import type { RequestView } from '#src/requests/request.ts';
import type { Store } from '#src/store/open.ts';
import type { Shell } from '#src/web/shell.tsx';
import type { Scene } from './dashboard.ts';

export type RequestPagesOptions = {
  readonly store: Store;
  /** Its requests are those that run. */
  readonly scene: Scene;
  readonly shell: Shell;
  readonly asked?: string[];
  readonly logs?: Logs;
};

/** Builds them; what is cancelled is told to `asked`. */
export function storyPages({ store, scene, shell, asked = [], logs = memoryLogs() }: RequestPagesOptions) {
  const writer = { flush: () => {}, writeRepair: () => {} };
  const tracker = {
    find: (id: string): RequestView | null => scene.requests.find((view) => view.id === id) ?? null,
    cancel: (id: string) => asked.push(`cancel ${id}`) > 0,
  };
  const repairs = new RepairLog({ store, writer, clock: systemClock, recordsTexts: () => true });
  const accounts = openAccounts({ store, writer, tracker, repairs, logs, clock: systemClock });
  return requestPages({
    accounts,
    tracker,
    chatOf: () => null,
    presetOf: () => null,
    shell,
    wallMs: () => systemClock.wallMs(),
  });
}

/** Logs that are kept nowhere. */
export function memoryLogs(): Logs {
  return new Logs({ clock: systemClock, bus: new Bus(), folder: null });
}
