/** What was measured, as tables for people. */
import type { LatencyRow } from './latency.ts';
import type { Spread } from './rounds.ts';
import type { SaturationRow, WholeRow } from './saturation.ts';
import type { ColdRow, StartRow } from './starts.ts';

/** Everything that one run of the bench found; what was not measured is empty or null. */
export type Report = {
  readonly startUp: StartRow | null;
  readonly coldStart: ColdRow | null;
  readonly memory: { readonly idleMb: number; readonly peakMb: number; readonly afterMb: number } | null;
  readonly saturation: readonly SaturationRow[];
  readonly latency: readonly LatencyRow[];
  readonly whole: readonly WholeRow[];
  /** What each thing that Flow does costs, at 32 streams. */
  readonly costs: readonly SaturationRow[];
};

type Column<Row> = { readonly title: string; readonly width: number; readonly cell: (row: Row) => string };

const spread = ({ median, low, high }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
const orDash = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits));

const SATURATION: readonly Column<SaturationRow>[] = [
  { title: 'engine', width: 8, cell: ({ engine }) => engine },
  { title: 'way', width: 24, cell: ({ way }) => way },
  { title: 'streams', width: 9, cell: ({ streams }) => String(streams) },
  { title: 'tokens/s', width: 26, cell: ({ tokensPerS }) => spread(tokensPerS, 0) },
  { title: 'of direct', width: 20, cell: ({ ofDirect }) => spread(ofDirect, 2) },
  { title: 'CPU s/Mtoken', width: 14, cell: ({ cpuSPerMTokens }) => orDash(cpuSPerMTokens, 2) },
  { title: 'failed', width: 8, cell: ({ failed }) => String(failed) },
];

const LATENCY: readonly Column<LatencyRow>[] = [
  { title: 'way', width: 24, cell: ({ way }) => way },
  { title: 'streams', width: 9, cell: ({ streams }) => String(streams) },
  { title: 'TTFT', width: 24, cell: ({ ttftMs }) => spread(ttftMs, 2) },
  { title: 'added', width: 24, cell: ({ ttftAddedMs }) => spread(ttftAddedMs, 2) },
  { title: 'added p99', width: 24, cell: ({ ttftP99AddedMs }) => spread(ttftP99AddedMs, 1) },
  { title: 'token, added', width: 24, cell: ({ tokenAddedMs }) => spread(tokenAddedMs, 2) },
  { title: 'added p99', width: 24, cell: ({ tokenP99AddedMs }) => spread(tokenP99AddedMs, 1) },
  { title: 'CPU µs/token', width: 14, cell: ({ cpuUsPerToken }) => orDash(cpuUsPerToken, 0) },
  { title: 'failed', width: 8, cell: ({ failed }) => String(failed) },
];

const WHOLE: readonly Column<WholeRow>[] = [
  { title: 'way', width: 24, cell: ({ way }) => way },
  { title: 'connections', width: 13, cell: ({ connections }) => String(connections) },
  { title: 'requests/s', width: 24, cell: ({ requestsPerS }) => spread(requestsPerS, 0) },
  { title: 'of direct', width: 20, cell: ({ ofDirect }) => spread(ofDirect, 2) },
  { title: 'CPU µs/request', width: 16, cell: ({ cpuUsPerRequest }) => orDash(cpuUsPerRequest, 0) },
  { title: 'failed', width: 8, cell: ({ failed }) => String(failed) },
];

/** The whole report; figures are medians of the rounds, with their middle half in parentheses. */
export function tables(report: Report): string {
  return [
    singles(report),
    table('As fast as the engine writes', SATURATION, report.saturation),
    table('At 20 tokens a second, times in ms; added: over a direct connection', LATENCY, report.latency),
    table('Whole answers of 32 tokens', WHOLE, report.whole),
    table('What each thing costs', SATURATION, report.costs),
    costs(report.costs),
  ].join('');
}

/** How many requests failed in all. */
export function failures({ saturation, latency, whole, costs }: Report): number {
  return [...saturation, ...latency, ...whole, ...costs].reduce((sum, { failed }) => sum + failed, 0);
}

function singles({ startUp, coldStart, memory }: Report): string {
  const lines = [
    startUp && `start-up to the ready line: ${spread(startUp.startUpMs, 0)} ms; idle: ${spread(startUp.idleMb, 0)} MB`,
    coldStart &&
      `cold start to the first token: ${spread(coldStart.flowMs, 0)} ms; ` +
        `the engine alone: ${spread(coldStart.engineMs, 0)} ms; added: ${spread(coldStart.addedMs, 0)} ms`,
    memory &&
      `resident memory with a model: ${memory.idleMb.toFixed(0)} MB at rest, at most ${memory.peakMb.toFixed(0)} MB ` +
        `under load, ${memory.afterMb.toFixed(0)} MB after it`,
  ];
  return lines.map((line) => (line ? `${line}\n` : '')).join('');
}

function table<Row>(title: string, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string =>
    `${cells.map((cell, at) => (at === 0 ? cell.padEnd(columns[at]?.width ?? 0) : cell.padStart(columns[at]?.width ?? 0))).join('')}\n`;
  const heads = line(columns.map((column) => column.title));
  return `\n${title}\n${heads}${rows.map((row) => line(columns.map((column) => column.cell(row)))).join('')}`;
}

/** What each thing that Flow does costs over passing bytes and metering them, in CPU time of Flow. */
function costs(rows: readonly SaturationRow[]): string {
  const base = rows.find(({ way }) => way === 'flow, verbatim')?.cpuSPerMTokens ?? null;
  if (base === null) return '';
  const lines = rows.flatMap(({ way, cpuSPerMTokens }) => {
    if (cpuSPerMTokens === null) return [];
    const added = (cpuSPerMTokens - base).toFixed(2);
    return [`  ${way.padEnd(22)}${cpuSPerMTokens.toFixed(2).padStart(7)} µs${added.padStart(8)} µs\n`];
  });
  return `\nCPU of Flow per token, and over passing it on verbatim:\n${lines.join('')}`;
}
