/** Downloads on a bench: a fake hub, a models folder, and the real queue and registry between them. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { type Disk, systemDisk } from '#src/downloads/disk.ts';
import { Downloads } from '#src/downloads/downloads.ts';
import type { DownloadView } from '#src/downloads/held.ts';
import { openLibrary } from '#src/downloads/library.ts';
import type { Order } from '#src/downloads/order.ts';
import { type DownloadState, RecordFiles } from '#src/downloads/record.ts';
import { Bus, type FlowEvent } from '#src/events.ts';
import { HubClient } from '#src/hub/hub-client.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { Registry } from '#src/models/registry.ts';
import { openStore } from '#src/store/open.ts';
import { type FakeFile, type FakeHub, startFakeHub } from '#test/support/fake-hub.ts';
import { until } from '#test/support/running-flow.ts';

export const REPOSITORY = 'acme/tiny-GGUF';

export type Bench = AsyncDisposable & {
  readonly hub: FakeHub;
  readonly modelsDir: string;
  readonly registry: Registry;
  readonly events: readonly FlowEvent[];
  readonly troubles: readonly unknown[];
  readonly downloads: Downloads;
  readonly records: RecordFiles;
  /** Another queue over the same folders, as after a restart; the former one is closed. */
  restart(options?: BenchOptions): Promise<Downloads>;
  order(wish?: Partial<Order>): Promise<DownloadView>;
  /** Waits until the download is in one of these states. */
  reaches(id: string, ...states: DownloadState[]): Promise<DownloadView>;
  placed(...names: string[]): string;
  /** Everything that lies in the models folder, hidden or not. */
  files(): string[];
};

export type BenchOptions = {
  readonly disk?: Partial<Disk>;
  readonly parallel?: number;
  readonly connections?: number;
  readonly rangeBytes?: number;
  /** Long unless a stall is what is tried: a busy machine stalls by itself, and each time costs a new connection. */
  readonly stallMs?: number;
  readonly modelsDir?: string;
};

/** The first byte of each range that the hub was asked for, from its question number `first` on. */
export function startsAsked({ hub }: Bench, first: number): number[] {
  return hub.contentAsked.slice(first).map(({ headers }) => Number(/^bytes=(\d+)-\d+$/.exec(headers.range ?? '')?.[1]));
}

/** A small model that is one. */
export async function modelBytes(): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-model-'));
  try {
    await makeDemoModel(join(folder, 'model.gguf'));
    return await Bun.file(join(folder, 'model.gguf')).bytes();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Bytes that are never the same for two seeds. */
export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed * 2_654_435_761 + 1;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** Starts all of it, with one repository of these files. */
export async function startBench(files: readonly FakeFile[], options: BenchOptions = {}): Promise<Bench> {
  const root = mkdtempSync(join(tmpdir(), 'flow-downloads-'));
  const modelsDir = options.modelsDir ?? join(root, 'models');
  const records = new RecordFiles(join(root, 'downloads'));
  const hub = await startFakeHub([{ id: REPOSITORY, files }]);
  const store = openStore(':memory:');
  const bus = new Bus();
  const events: FlowEvent[] = [];
  bus.subscribe((event) => events.push(event));
  const clock = systemClock;
  const registry = new Registry({ store, bus, clock, headers: new HeaderCache(), modelsDir: () => modelsDir });
  const client = new HubClient({ clock, hubUrl: () => hub.url, tokenFor: () => null });
  const troubles: unknown[] = [];
  const open = ({
    disk = {},
    parallel = 1,
    connections = 3,
    rangeBytes = 256 << 10,
    stallMs = 30_000,
  }: BenchOptions) => {
    const downloads = new Downloads({
      hub: client,
      records,
      library: openLibrary(registry),
      clock,
      bus,
      modelsDir: () => modelsDir,
      parallel: () => parallel,
      log: (text, cause) => troubles.push([text, cause]),
      disk: { ...systemDisk, ...disk },
      pace: { firstMs: 5, mostMs: 40, stallMs },
      connections,
      rangeBytes,
    });
    downloads.start();
    return downloads;
  };
  let downloads = open(options);
  return {
    hub,
    modelsDir,
    registry,
    events,
    troubles,
    records,
    get downloads() {
      return downloads;
    },
    async restart(changed = options) {
      await downloads.close();
      downloads = open(changed);
      return downloads;
    },
    async order(wish = {}) {
      const plain = { filename: null, quantization: null, revision: null, withProjector: true, draft: null };
      const order = { repository: REPOSITORY, ...plain, ...wish };
      return (await downloads.order(order, AbortSignal.timeout(10_000))).view;
    },
    reaches: (id, ...states) =>
      until(`download ${id} ${states.join(' or ')}`, () => {
        const view = downloads.need(id);
        return states.includes(view.record.state) ? view : null;
      }).catch((cause) => {
        throw new Error(`${cause.message}: ${JSON.stringify(downloads.need(id))}`);
      }),
    placed: (...names) => join(modelsDir, ...REPOSITORY.split('/'), ...names),
    files: () =>
      existsSync(modelsDir)
        ? readdirSync(modelsDir, { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile())
            .map((entry) => join(entry.parentPath, entry.name).slice(modelsDir.length + 1))
            .sort()
        : [],
    async [Symbol.asyncDispose]() {
      await downloads.close();
      await hub[Symbol.asyncDispose]();
      store.$client.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The bytes of a file, for comparing. */
export async function contentOf(path: string): Promise<string> {
  return new Bun.CryptoHasher('sha256').update(await Bun.file(path).bytes()).digest('hex');
}
