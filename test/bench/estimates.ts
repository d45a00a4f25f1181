/**
 * The estimate of a load against what a real llama-server reports (its own buffer lines) and uses (its resident memory
 * after a prompt that fills the context), for models of several shapes.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGguf } from '#src/gguf/read.ts';
import { footprint, PROCESS_BYTES } from '#src/models/footprint.ts';
import type { LaunchSettings } from '#src/models/model.ts';
import { someLaunch } from '../engines/support/plan.ts';
import { type EngineProcess, startEngine } from '../support/engine-process.ts';
import { SHAPES, type Shape, writeShapedModel } from './shaped-model.ts';

/** One load. Bytes; `null` where the engine says nothing or nothing was asked. */
export type EstimateRow = {
  readonly shape: string;
  readonly launch: string;
  readonly estimated: Parts;
  readonly reported: Parts;
  /** All of it, after a prompt that fills the context; null = not filled. */
  readonly residentBytes: number | null;
  readonly estimatedTotalBytes: number;
};

type Parts = { readonly weights: number; readonly kv: number; readonly compute: number };
type PartName = keyof Parts;

/** Errors of a part over all loads, as shares of what the engine says. */
export type EstimateSummary = { readonly median: number; readonly worst: number; readonly loads: number };

const MIB = 1024 * 1024;
/** Cache types, contexts, slots and physical batches, so that each value meets each other kind of value. */
const LOADS: readonly (readonly [LaunchSettings['cache_type_k'], number, number, number])[] = [
  ['f16', 1_024, 1, 512],
  ['q8_0', 1_024, 2, 128],
  ['q4_0', 1_024, 4, 2_048],
  ['q8_0', 8_192, 1, 512],
  ['q4_0', 8_192, 2, 2_048],
  ['f16', 8_192, 4, 128],
  ['q4_0', 32_768, 1, 128],
  ['f16', 32_768, 2, 512],
  ['q8_0', 32_768, 4, 512],
];
/** A prompt of so many tokens is worth its time. */
const FILLED_TOKENS_MAX = 8_192;
const FILL_MS_MAX = 300_000;

/** Runs all of them, one after the other. */
export async function estimates(isQuick: boolean, say: (text: string) => void): Promise<readonly EstimateRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-estimates-'));
  const rows: EstimateRow[] = [];
  try {
    for (const shape of SHAPES) {
      const path = join(folder, 'model.gguf');
      await writeShapedModel(path, shape);
      for (const [index, load] of LOADS.entries()) {
        if (isQuick && index % 4 !== 0) continue;
        rows.push(await measured(path, shape, load));
        say(line(rows.at(-1)));
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  say(`\n${table(rows)}`);
  return rows;
}

/** The median and the worst error of each part and of the total; signs are lost. */
export function summaryOf(rows: readonly EstimateRow[]): Readonly<Record<PartName | 'total', EstimateSummary>> {
  const part = (name: PartName) => summed(rows.map((row) => errorOf(row.estimated[name], row.reported[name])));
  const total = rows.map(({ estimatedTotalBytes, residentBytes }) => errorOf(estimatedTotalBytes, residentBytes ?? 0));
  return { weights: part('weights'), kv: part('kv'), compute: part('compute'), total: summed(total) };
}

async function measured(path: string, shape: Shape, load: (typeof LOADS)[number]): Promise<EstimateRow> {
  const [type, contextTokens, slots, batch] = load;
  const launch = someLaunch({
    ctx_size: contextTokens,
    n_parallel: slots,
    cache_type_k: type,
    cache_type_v: type,
    ubatch_size: batch,
    cache_ram_mib: 0,
  });
  const facts = readGguf(path);
  const need = footprint(facts, launch, { weightsBytes: facts.tensors.bytes, projectorBytes: 0, draft: null });
  const { weightsBytes, kvCacheBytes, computeBytes } = need.parts;
  await using engine = await startEngine(path, [
    ...['-c', `${contextTokens * slots}`, '-np', `${slots}`, '-fa', launch.flash_attn, '--cache-ram', '0'],
    ...['-ctk', type, '-ctv', type, '-ub', `${batch}`, '-b', `${launch.batch_size}`, '-lv', '4'],
  ]);
  const isFilled = contextTokens <= FILLED_TOKENS_MAX && slots === 1 && (await fill(engine, contextTokens));
  return {
    shape: shape.name,
    launch: `${type} ${contextTokens} × ${slots}, batch ${batch}`,
    estimated: { weights: weightsBytes, kv: kvCacheBytes, compute: computeBytes - PROCESS_BYTES },
    reported: {
      weights: weightsOf(engine),
      kv: reported(engine, 'KV') + reported(engine, 'RS'),
      compute: reported(engine, 'compute'),
    },
    residentBytes: isFilled ? residentBytes(engine) : null,
    estimatedTotalBytes: need.totalBytes,
  };
}

/** Sums up what the engine says of one kind of buffer, over all devices. */
function reported(engine: EngineProcess, part: string): number {
  const said = [...engine.log().matchAll(new RegExp(`\\b${part} buffer size\\s*=\\s*([\\d.]+) MiB`, 'g'))];
  return said.reduce((sum, [, mib]) => sum + Number(mib), 0) * MIB;
}

/** Weights without the copies below. */
function weightsOf(engine: EngineProcess): number {
  return reported(engine, 'model') - copiesOf(engine);
}

/**
 * Weights that a CPU with instructions of its own for them holds once more, in its own order. The file they are mapped
 * from was read once, and the system takes that memory back when it is needed.
 */
function copiesOf(engine: EngineProcess): number {
  return engine.log().includes('CPU_Mapped model')
    ? reported(engine, '(?:AMX|CPU_\\w*REPACK\\w*|CPU_AARCH64) model')
    : 0;
}

/** Fills a whole conversation; false when this machine takes too long for it, and then its memory says nothing. */
async function fill({ baseUrl }: EngineProcess, contextTokens: number): Promise<boolean> {
  const prompt = Array.from({ length: contextTokens - 8 }, (_, index) => 2 + (index % 500));
  const response = await fetch(`${baseUrl}/completion`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt, n_predict: 1 }),
    signal: AbortSignal.timeout(FILL_MS_MAX),
  }).catch(() => null);
  if (response === null) return false;
  if (!response.ok) throw new Error(`The context cannot be filled: ${await response.text()}`);
  await response.arrayBuffer();
  return true;
}

/** Private memory and the mapped weights that were touched, those with copies once; Linux only. */
function residentBytes(engine: EngineProcess): number | null {
  const { pid } = engine;
  try {
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return pss === undefined ? null : Number(pss) * 1024 - copiesOf(engine);
  } catch {
    return null;
  }
}

/** The share by which an estimate is off; null when there is nothing to compare it with. */
function errorOf(estimatedBytes: number, trueBytes: number): number | null {
  return trueBytes === 0 ? null : estimatedBytes / trueBytes - 1;
}

function summed(errors: readonly (number | null)[]): EstimateSummary {
  const sizes = errors.flatMap((error) => (error === null ? [] : [Math.abs(error)])).sort((a, b) => a - b);
  return { median: sizes[Math.floor(sizes.length / 2)] ?? 0, worst: sizes.at(-1) ?? 0, loads: sizes.length };
}

const percent = (error: number | null): string => (error === null ? '–' : `${(error * 100).toFixed(1)} %`);

function line(row: EstimateRow | undefined): string {
  if (!row) return '';
  const part = (name: PartName): string => percent(errorOf(row.estimated[name], row.reported[name])).padStart(9);
  const total = percent(errorOf(row.estimatedTotalBytes, row.residentBytes ?? 0)).padStart(9);
  return `${row.shape.padEnd(18)} ${row.launch.padEnd(26)} ${part('weights')} ${part('kv')} ${part('compute')} ${total}\n`;
}

function table(rows: readonly EstimateRow[]): string {
  const summary = summaryOf(rows);
  const lines = Object.entries(summary).map(
    ([name, { median, worst, loads }]) =>
      `${name.padEnd(10)} median ${percent(median)}, worst ${percent(worst)} of ${loads} loads\n`,
  );
  return lines.join('');
}
