/** Many at once: one start for everybody, and nothing left when Flow is killed. */
import { describe, expect, test } from 'bun:test';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processesWith } from '../support/processes.ts';
import { realEngine } from '../support/real-engine.ts';
import { startFlow, until } from '../support/running-flow.ts';

const FAKE_ENGINE = join(import.meta.dir, '..', 'support', 'fake-engine.ts');

/** A script in the engine's place: notes each start, then becomes the given command. */
function engineScript(folder: string, command: string): string {
  const path = join(folder, 'llama-server');
  writeFileSync(
    path,
    `#!/bin/sh\ncase "$1" in --version | --help) ;; *) echo start >> '${folder}/starts' ;; esac\n${command}\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

describe('a crowd', () => {
  test('of 200 requests for one cold model starts it once, and all are answered', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flow-crowd-'));
    const { executable, libraryPath } = realEngine();
    const environment = libraryPath ? `export LD_LIBRARY_PATH='${libraryPath}'\n` : '';
    await using flow = await startFlow({ engine: engineScript(folder, `${environment}exec '${executable}' "$@"`) });
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const response = await fetch(`${flow.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            model: 'flow-demo',
            stream: index % 2 === 0,
            messages: [{ role: 'user', content: `Hello ${index}` }],
          }),
        });
        const text = await response.text();
        return (
          response.status === 200 &&
          (index % 2 === 0 ? text.includes('[DONE]') : text.includes('"finish_reason":"stop"'))
        );
      }),
    );
    expect(answers.filter((isGood) => isGood).length).toBe(200);
    expect(readFileSync(join(folder, 'starts'), 'utf8')).toBe('start\n');
    const { body } = await flow.json('/api/telemetry?limit=500');
    expect((body.records as { outcome: string }[]).filter((row) => row.outcome === 'completed').length).toBe(200);
    rmSync(folder, { recursive: true, force: true });
  }, 180_000);
});

describe('kill -9 of Flow', () => {
  test('with two engines, one of which ignores SIGTERM and forks, leaves nothing after 3 s', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flow-orphans-'));
    const mark = `FLOW_TEST_MARK=${crypto.randomUUID()}`;
    const fake = `export FAKE_ENGINE='{"ignore_term":true,"ignore_eof":true,"fork_grandchild":true}'`;
    const script = engineScript(folder, `export ${mark}\n${fake}\nexec '${process.execPath}' '${FAKE_ENGINE}' "$@"`);
    await using flow = await startFlow({ engine: script });
    const copy = join(folder, 'second.gguf');
    copyFileSync(join(flow.dataDir, 'models', 'flow-demo.gguf'), copy);
    const registered = await flow.json('/api/register-local', { path: copy });
    const second = String(registered.body.model_id);
    const isReady = (id: string) => async () => {
      const { body } = await flow.json('/api/fleet');
      return (body.models as { modelId: string; state: { phase: string } }[]).some(
        (one) => one.modelId === id && one.state.phase === 'ready',
      );
    };
    for (const id of ['flow-demo', second]) {
      await flow.json(`/api/models/${id}/load`, {});
      await until(`${id} ready`, isReady(id));
    }
    // Two engines and what each has forked.
    // Two engines and what each has forked.
    await until('four processes', () => processesWith(mark).length === 4);
    flow.kill('SIGKILL');
    await flow.exited;
    await until('no process left', () => processesWith(mark).length === 0);
    rmSync(folder, { recursive: true, force: true });
  });
});
