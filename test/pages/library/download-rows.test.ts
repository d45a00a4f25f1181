/** What the page shows of downloads. */
import { expect, test } from 'bun:test';
import type { DownloadView } from '#src/downloads/held.ts';
import type { DownloadState } from '#src/downloads/record.ts';
import { Fault } from '#src/faults.ts';
import { changesSaid, downloadRow, inOrder } from '#src/pages/library/download-rows.ts';

const view = (id: string, state: DownloadState, more: Partial<DownloadView> = {}, endedAtMs = 0): DownloadView => ({
  record: {
    ...{ version: 1, id, key: id, repository: `acme/${id}`, format: 'gguf', quantization: 'Q4_K_M', root: '/models' },
    wish: { filename: null, quantization: null, withProjector: true, revision: null, draft: null },
    ...{ files: [], state, reason: null, note: null, modelId: id, createdAtMs: 1, place: null, endedAtMs },
  },
  ...{ bytes: 1, totalBytes: 4, fileBytes: [], checkedBytes: null, bytesPerS: 2, etaS: 1.5, trouble: null },
  ...more,
});

test('what moves is first, what waits for somebody next, and what is over last, the newest first', () => {
  const views = [
    ...[view('old', 'complete', {}, 5), view('new', 'complete', {}, 9), view('failed', 'failed')],
    ...[view('queued', 'queued'), view('paused', 'paused'), view('check', 'verifying'), view('run', 'running')],
  ];
  expect(inOrder(views).map(({ record }) => record.id)).toEqual('check run queued paused failed new old'.split(' '));
});

test('a hub that is away is told with the seconds to the next try', () => {
  const trouble = { fault: new Fault('offline', 'The hub does not answer.'), retryAtMs: 61_000 };
  const row = downloadRow(view('a', 'running', { trouble }), 60_000, () => false);
  expect(row.waiting).toEqual({ message: 'The hub does not answer.', retryInS: 1 });
});

test('a model that was removed since cannot be loaded from the list', () => {
  expect(downloadRow(view('a', 'complete'), 0, () => false).isHere).toBe(false);
  expect(downloadRow(view('a', 'complete'), 0, (modelId) => modelId === 'a').isHere).toBe(true);
});

test('beginnings, ends and failures are said aloud, and nothing else', () => {
  const rows = [
    ...[view('a', 'running'), view('b', 'complete'), view('c', 'verifying'), view('d', 'failed'), view('e', 'paused')],
  ].map((one) => downloadRow(one, 0, () => false));
  const before = new Map([
    ...(['a', 'c', 'd'] as const).map((id) => [id, 'queued'] as const),
    ...[['b', 'registering'] as const, ['e', 'running'] as const],
  ]);
  expect(changesSaid(before, rows)).toBe(
    'The download of acme/a has begun. acme/b is downloaded. The download of acme/d failed.',
  );
  expect(changesSaid(new Map(), rows)).toBe('');
});
