/** Run by store.test.ts as a process of its own: saves settings until it is killed. */
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import { openSettings } from '#src/settings/store.ts';

const path = process.argv[2] ?? '';
const parts = { path, bus: new Bus(), clock: systemClock, overrides: {}, modelsDirDefault: '/tmp/models' };
const settings = await openSettings(parts);
process.stdout.write('saving\n');
for (let port = 1_024; ; port = port === 60_000 ? 1_024 : port + 1) {
  await settings.update({ port, cors_origins: Array.from({ length: 50 }, () => `http://localhost:${port}`) });
}
