/**
 * The rendering process: a program of its own (`bun render-process.ts`), so that a hostile template can take nothing of
 * Flow with it. Templates run in a thread; this one only watches, because a busy thread cannot watch itself.
 */
import { RENDER_THREAD } from './render-command.ts';
import { MEMORY_BYTES_MAX } from './rendering.ts';

/** A loop that joins texts takes some 1 GB a second (measured). */
const WATCH_MS = 10;

const thread = new Worker(RENDER_THREAD);
thread.onmessage = ({ data }: MessageEvent<unknown>) => process.send?.(data);
thread.onerror = () => process.exit(1);
process.on('message', (job: unknown) => thread.postMessage(job));
// Flow is gone: nobody waits for an answer any more.
process.on('disconnect', end);
setInterval(() => {
  if (process.memoryUsage.rss() > MEMORY_BYTES_MAX) end();
}, WATCH_MS);

/** A regular end would wait for the thread, which does not listen. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}
