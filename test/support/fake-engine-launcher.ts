/** Makes an executable of the fake engine: one file that behaves as told, whatever environment it is started with. */
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FakeStart } from './fake-engine-behaviour.ts';

/** One line of the fake engine's own record. */
export type FakeRecord = {
  readonly event:
    | 'start'
    | 'ready'
    | 'request-begin'
    | 'request-end'
    | 'request-abort'
    | 'exit-command'
    | 'stdin-closed'
    | 'term-ignored';
  readonly pid: number;
  readonly port: number;
  readonly model: string;
  readonly at_ms: number;
  readonly in_flight: number;
  readonly high_water: number;
  readonly number?: number;
  readonly phase?: 'queued' | 'headers' | 'prefill' | 'generation' | 'done';
  readonly stream?: boolean;
  readonly body?: Record<string, unknown>;
  readonly argv?: readonly string[];
};

export type FakeEngine = {
  /** To be used in place of llama-server. */
  readonly executable: string;
  /** Changes the behaviour of later starts. */
  behave(start: FakeStart): void;
  /** What happened so far, oldest first; of one kind when named. */
  records(event?: FakeRecord['event']): FakeRecord[];
};

/**
 * Writes the executable into a folder of the test's own. A second one there takes the place of the first, as an upgrade
 * does; with `version` (as `0.1.0 (build 2, commit ab1)`) it says another of itself.
 */
export function makeFakeEngine(folder: string, start: FakeStart = {}, version: string | null = null): FakeEngine {
  const executable = join(folder, 'llama-server');
  const behaviourPath = join(folder, 'fake-engine.json');
  const logPath = join(folder, 'fake-engine.log');
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const script = [
    '#!/bin/sh',
    `FAKE_ENGINE_FILE=${quote(behaviourPath)} FAKE_ENGINE_LOG=${quote(logPath)}`,
    'export FAKE_ENGINE_FILE FAKE_ENGINE_LOG',
    ...(version === null ? [] : [`export FAKE_ENGINE_VERSION=${quote(version)}`]),
    `exec ${quote(process.execPath)} ${quote(join(import.meta.dir, 'fake-engine.ts'))} "$@"`,
  ];
  const behave = (next: FakeStart) => writeFileSync(behaviourPath, JSON.stringify(next));
  behave(start);
  writeFileSync(`${executable}.new`, `${script.join('\n')}\n`);
  chmodSync(`${executable}.new`, 0o755);
  renameSync(`${executable}.new`, executable);
  return {
    executable,
    behave,
    records: (event) => {
      const text = existsSync(logPath) ? readFileSync(logPath, 'utf8') : '';
      const all: FakeRecord[] = text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      return event ? all.filter((one) => one.event === event) : all;
    },
  };
}
