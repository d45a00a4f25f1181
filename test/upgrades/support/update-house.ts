/** A whole Flow with an engine `b1` that works, and a release host that has another: real or as bad as a test wants. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type FakeReleases,
  fakeReleases,
  goodArchive,
  type Misbehaviour,
} from '../../engines/support/fake-releases.ts';
import type { FakeStart } from '../../support/fake-engine-behaviour.ts';
import { makeFakeEngine } from '../../support/fake-engine-launcher.ts';
import { realEngine } from '../../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../../support/running-flow.ts';

export type UpdateHouse = AsyncDisposable & {
  readonly flow: RunningFlow;
  readonly host: FakeReleases;
  /** Stops Flow (or kills it) and starts another on the same data. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Updates, and waits for what comes of it. */
  update(body?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** The last update's report. */
  report(): Promise<Record<string, unknown> | null>;
  chosen(): Promise<unknown>;
};

/** PATH holds the system's tools and Bun only, so that no llama-server of the machine is found by chance. */
const SYSTEM_PATH = [dirname(process.execPath), '/usr/bin', '/bin'].join(':');

/** The real llama-server by another path. */
export function realProgram(): string {
  const { executable, libraryPath } = realEngine();
  const libraries = libraryPath === null ? '' : `LD_LIBRARY_PATH='${libraryPath}' `;
  return `#!/bin/sh\n${libraries}exec '${executable}' "$@"\n`;
}

/** The real one until it is to serve: then it does this. */
export function spoiltProgram(whenServing: string): string {
  const { executable } = realEngine();
  return `#!/bin/sh\ncase "$1" in --version|--help) exec '${executable}' "$@" ;; esac\n${whenServing}\n`;
}

/** The real one behind a door that breaks on tools. */
export function toollessProgram(): string {
  const script = join(import.meta.dir, 'toolless-server.ts');
  return `#!/bin/sh\nexec '${process.execPath}' '${script}' '${realEngine().executable}' "$@"\n`;
}

/** The fake engine, behaving so. */
export function fakeProgram(folder: string, start: FakeStart): string {
  mkdirSync(folder, { recursive: true });
  return `#!/bin/sh\nexec '${makeFakeEngine(folder, start).executable}' "$@"\n`;
}

export async function updateHouse(
  fresh: (folder: string) => string,
  { misbehaviour = {}, engine = null }: { misbehaviour?: Misbehaviour; engine?: string | null } = {},
): Promise<UpdateHouse> {
  const dataDir = mkdtempSync(join(tmpdir(), 'flow-update-'));
  const present = join(dataDir, 'engines', 'llama.cpp', 'b1');
  mkdirSync(present, { recursive: true });
  writeFileSync(join(present, 'llama-server'), realProgram());
  chmodSync(join(present, 'llama-server'), 0o755);
  const host = fakeReleases(await goodArchive(fresh(join(dataDir, 'fake'))), misbehaviour);
  const environment = { PATH: SYSTEM_PATH, FLOW_ENGINE_RELEASES_URL: host.url };
  const start = () => startFlow({ dataDir, environment, engine });
  let flow = await start();
  const overview = async () => (await flow.json('/api/engines/update')).body;
  const report = async () => Object(Object(Object(await overview()).engines)['llama.cpp']).last ?? null;
  return {
    get flow() {
      return flow;
    },
    host,
    report,
    async restart(signal) {
      if (signal) flow.kill(signal);
      await (signal ? flow.exited : flow[Symbol.asyncDispose]());
      flow = await start();
    },
    async update(body = {}) {
      const { status, body: answer } = await flow.json('/api/engines/update', body);
      if (status !== 202) throw new Error(`${status}: ${JSON.stringify(answer)}`);
      await until('the end of the update', async () => (await overview()).updating === false, 60_000);
      return Object(await report());
    },
    chosen: async () => (await flow.json('/api/engines')).body.chosen,
    async [Symbol.asyncDispose]() {
      await flow[Symbol.asyncDispose]();
      host[Symbol.dispose]();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
