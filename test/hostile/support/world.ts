/**
 * A whole Flow among hostile company: a hub, engines and clients that say what a test plants, and a browser to look.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type GgufValue, writeGguf } from '#src/gguf/write.ts';
import { openBrowser } from '#test/support/browser.ts';
import type { FakeStart } from '#test/support/fake-engine-behaviour.ts';
import { type FakeEngine, makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type FakeHub, startFakeHub } from '#test/support/fake-hub.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';
import { corpusFor, type Hostile } from './corpus.ts';
import { type Elsewhere, startElsewhere } from './elsewhere.ts';
import { type AttackedPage, attackedPage, type WatchOptions } from './watch.ts';

export type World = AsyncDisposable & {
  readonly flow: RunningFlow;
  readonly browser: Browser;
  readonly hub: FakeHub;
  readonly engine: FakeEngine;
  readonly elsewhere: Elsewhere;
  /** A folder that goes with the world. */
  readonly folder: string;
  /** The user's home as Flow sees it, where other programs keep their models. */
  readonly home: string;
  /** The strings for a sink; the same ones whenever it is asked. */
  corpus(sink: string): readonly Hostile[];
  /** Opens a page and waits until it is live, if it is one that lives. */
  open(path: string, options?: WatchOptions): Promise<AttackedPage>;
  /** Posts a form as a page without scripts would; the status. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<number>;
};

export type WorldOptions = {
  readonly engine?: FakeStart;
  readonly environment?: Readonly<Record<string, string>>;
  /** What the engine says its version is. */
  readonly engineVersion?: string;
};

const LIVE_MS = 20_000;

/** Opens it. Everything in it is free of attacks until somebody plants them. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-attack-'));
  const home = join(folder, 'home');
  mkdirSync(home);
  const elsewhere = startElsewhere();
  const engine = makeFakeEngine(folder, options.engine);
  const executable = options.engineVersion === undefined ? engine.executable : braggart(folder, engine, options);
  const [browser, hub] = await Promise.all([openBrowser(), startFakeHub()]);
  const environment = { HOME: home, HF_ENDPOINT: hub.url, ...options.environment };
  const flow = await startFlow({ engine: executable, environment });
  const open = async (path: string, watch: WatchOptions = {}) => {
    const attacked = await attackedPage(browser, flow.url, watch);
    await attacked.page.goto(flow.url + path, { waitUntil: 'domcontentloaded' });
    const badge = await attacked.page.$('#connection');
    if (badge) await attacked.page.waitForSelector('#connection[data-state=live]', { timeout: LIVE_MS }).catch(tell);
    return attacked;

    async function tell(cause: unknown): Promise<never> {
      const state = await badge?.getAttribute('data-state');
      const words = [`${path} is ${state}`, ...attacked.troubles, flow.output().slice(-2_000)];
      throw new Error(words.join('\n'), { cause });
    }
  };
  return {
    ...{ flow, browser, hub, engine, elsewhere, folder, home, open },
    corpus: (sink) => corpusFor(sink, elsewhere.origin),
    post: async (path, fields) => {
      const body = new URLSearchParams(fields);
      const response = await fetch(flow.url + path, {
        method: 'POST',
        body,
        redirect: 'manual',
        headers: { origin: flow.url },
      });
      await response.body?.cancel();
      return response.status;
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await flow[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      await elsewhere[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An engine that is the fake one, but for the version it tells. */
function braggart(folder: string, engine: FakeEngine, { engineVersion = '' }: WorldOptions): string {
  mkdirSync(join(folder, 'braggart'));
  const path = join(folder, 'braggart', 'llama-server');
  writeFileSync(join(folder, 'version.txt'), engineVersion);
  const told = `[ "$1" = --version ] && { cat '${join(folder, 'version.txt')}' >&2; exit 0; }`;
  writeFileSync(path, `#!/bin/sh\n${told}\nexec '${engine.executable}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A model of a few hundred bytes, as far as its header goes. */
export function tinyModel(path: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const count = (value: number): GgufValue => ({ type: 'uint32', value });
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', text('llama')],
    ['llama.block_count', count(1)],
    ['llama.context_length', count(4096)],
    ['llama.embedding_length', count(8)],
    ['llama.attention.head_count', count(1)],
    ['tokenizer.ggml.model', text('gpt2')],
    ...Object.entries(more).map(([key, value]) => [key, text(value)] as const),
  ]);
  const fill = (): void => {};
  return writeGguf(path, { metadata, tensors: [{ name: 'token_embd.weight', shape: [8, 8], type: 'f32', fill }] });
}

/** The text as a file may be called: no slashes, no byte 0, and no longer than file systems take. */
export function asFileName(text: string, suffix: string): string {
  let name = text
    .replaceAll('/', '\u2215')
    .replaceAll('\0', '')
    .replaceAll(/[\ud800-\udfff]/g, '');
  while (Buffer.byteLength(name) > 200) name = name.slice(0, -8);
  return name + suffix;
}
