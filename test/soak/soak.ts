/**
 * `bun run soak [--minutes 60] [--clients 20] [--seed N] [--pause-ms 400] [--json FILE]`: mixed clients against a whole
 * Flow with a real engine: streams in four protocols, clients that leave, engines that are killed, downloads, pages
 * opened and closed, rubbish. Prints what they met, how memory, descriptors and timers went, and what was left when all
 * had gone; ends with 1 when anything was wrong or grew.
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../support/seeded-random.ts';
import { crew, pause, work } from './clients.ts';
import { type Sample, sample } from './sample.ts';
import { floors, medianOf, type Point, settled, slopePerHour } from './slope.ts';
import { Tally } from './tally.ts';
import { openWorld, type World } from './world.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    clients: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'pause-ms': { type: 'string', default: '400' },
    json: { type: 'string' },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const SAMPLE_EVERY_MS = Math.min(10_000, durationMs / 30);
/**
 * Code is compiled better and better by how often it ran, which adds memory with the logarithm of the requests: 22 MB
 * from 3,400 to 28,000, 7 MB from there to 55,000. So the first third goes at ten times the pace, and the moments after
 * let go of what that pace needs.
 */
const HURRY_SHARE = 0.33;
const HURRY_FACTOR = 10;
const WARM_UP_SHARE = 0.4;
/** After the warm-up. What is below these is the noise of a collector that runs when it likes. */
const GROWTH_MAX = { residentMb: 12, openFiles: 6, timers: 6 } as const;
/** A shorter run is all warm-up: what it leaves behind is judged, not what grew. */
const GROWTH_JUDGED_FROM_MS = 300_000;
/** Twelve windows in the settled part of any run. */
const FLOOR_WINDOW_MS = (durationMs * (1 - WARM_UP_SHARE)) / 12;
const QUIET_MS_MAX = 60_000;

const say = (text: string): void => void process.stdout.write(text);

const tally = new Tally();
const world = await openWorld(tally, seededRandom(Number(values.seed)));
let samples: Sample[] = [];
let left: readonly string[] = [];
let databaseMb = Number.NaN;
try {
  say(`soak: ${values.minutes} min, ${values.clients} clients, seed ${values.seed}\n`);
  samples = await run(world);
  left = await leftOver(world, samples);
  databaseMb = Bun.file(`${world.flow.dataDir}/flow.db`).size / 1e6;
} finally {
  // The referee looks at what is left behind: processes, files, unexpected errors.
  await world[Symbol.asyncDispose]();
}
const isLong = durationMs >= GROWTH_JUDGED_FROM_MS;
const verdicts = [...(isLong ? grown(samples) : []), ...left, ...tally.wrongs];
report();
process.exit(verdicts.length === 0 ? 0 : 1);

/** Lets all clients work until the time is over; returns what was measured meanwhile. */
async function run(world: World): Promise<Sample[]> {
  const ending = new AbortController();
  const startedMs = performance.now();
  const pauseMs = (): number => {
    const isHurrying = performance.now() - startedMs < durationMs * HURRY_SHARE;
    return Number(values['pause-ms']) / (isHurrying ? HURRY_FACTOR : 1);
  };
  const clients = crew(Number(values.clients)).map((client) => work(client, world, pauseMs, ending.signal));
  const samples: Sample[] = [];
  while (performance.now() - startedMs < durationMs) {
    await pause(SAMPLE_EVERY_MS, ending.signal);
    const one = await sample(world.flow, (performance.now() - startedMs) / 1000);
    samples.push(one);
    if (samples.length % 30 === 0) say(`${line(one)}\n`);
  }
  ending.abort();
  await Promise.all(clients);
  return samples;
}

function line({ atS, residentMb, openFiles, timers, open, lagMs }: Sample): string {
  const minutes = (atS / 60).toFixed(1).padStart(6);
  const figures = `${residentMb.toFixed(0)} MB, ${openFiles} descriptors, ${timers} timers, ${open} open requests`;
  return `${minutes} min: ${figures}, event loop ${lagMs.toFixed(0)} ms late at worst; ${tally.of('done')} done`;
}

/** What is still there when everybody has gone and every model is unloaded. */
async function leftOver({ flow, models }: World, samples: readonly Sample[]): Promise<string[]> {
  const endMs = performance.now() + QUIET_MS_MAX;
  for (const id of models) await flow.json(`/api/models/${id}/unload`, {});
  let last = await sample(flow, Number.NaN);
  const first = samples[0] ?? last;
  const found = (): string[] => [
    ...(last.open > 0 ? [`${last.open} requests never ended`] : []),
    ...(last.engines > 0 ? [`${last.engines} engines still run`] : []),
    ...(last.reservedMb > 0 ? [`${last.reservedMb.toFixed(0)} MB are still reserved`] : []),
    ...(last.openFiles > first.openFiles + GROWTH_MAX.openFiles
      ? [`${last.openFiles} descriptors are open; after the first ${SAMPLE_EVERY_MS / 1000} s: ${first.openFiles}`]
      : []),
  ];
  while (found().length > 0 && performance.now() < endMs) {
    await Bun.sleep(250);
    last = await sample(flow, Number.NaN);
  }
  say(`${line({ ...last, atS: durationMs / 1000 })}, all clients gone\n`);
  return found();
}

function points(samples: readonly Sample[], pick: (one: Sample) => number): readonly Point[] {
  return settled(
    samples.map((one) => ({ atS: one.atS, value: pick(one) })),
    WARM_UP_SHARE,
  );
}

/** What a figure grew by over the settled part, as the line through its floors says. */
function growth(samples: readonly Sample[], pick: (one: Sample) => number): { perHour: number; grown: number } {
  const settledPoints = points(samples, pick);
  const perHour = slopePerHour(floors(settledPoints, FLOOR_WINDOW_MS / 1000));
  const spanS = (settledPoints.at(-1)?.atS ?? 0) - (settledPoints[0]?.atS ?? 0);
  return { perHour, grown: (perHour * spanS) / 3600 };
}

function grown(samples: readonly Sample[]): string[] {
  const names = ['residentMb', 'openFiles', 'timers'] as const;
  return names.flatMap((name) => {
    const { grown: by } = growth(samples, (one) => one[name]);
    return by > GROWTH_MAX[name] ? [`${name} grew by ${by.toFixed(1)} after the warm-up`] : [];
  });
}

function report(): void {
  say('\nclient       done    told    left   wrong\n');
  for (const { kind, done, told, left: gone, wrong } of tally.rows) {
    say(`${kind.padEnd(9)}${[done, told, gone, wrong].map((count) => String(count).padStart(8)).join('')}\n`);
  }
  say(`\ntold: ${tally.reasons.map(({ reason, count }) => `${count} × ${reason}`).join(', ') || 'nothing'}\n`);
  const figures: readonly [string, (one: Sample) => number, string][] = [
    ['resident memory', (one) => one.residentMb, 'MB'],
    ['descriptors', (one) => one.openFiles, ''],
    ['timers', (one) => one.timers, ''],
    ['event loop late', (one) => one.lagMs, 'ms'],
  ];
  for (const [name, pick, unit] of figures) {
    const middle = medianOf(points(samples, pick)).toFixed(1);
    const worst = Math.max(...samples.map(pick)).toFixed(1);
    const slope = growth(samples, pick).perHour.toFixed(2);
    say(`${name.padEnd(16)} median ${middle} ${unit}, most ${worst} ${unit}, slope ${slope} ${unit} an hour\n`);
  }
  say(`database: ${databaseMb.toFixed(1)} MB\n`);
  const good = isLong ? 'Nothing grew, and nothing was left.' : 'Nothing was left; too short to say what grows.';
  say(verdicts.length === 0 ? `${good}\n` : `WRONG:\n${verdicts.join('\n')}\n`);
  const { json } = values;
  if (json) {
    void Bun.write(json, JSON.stringify({ ...values, rows: tally.rows, reasons: tally.reasons, samples, verdicts }));
  }
}
