/** `/metrics` in the text format of Prometheus. Pure but for the numbers it is given. */
import type { Histogram, Meters } from '#src/requests/meters.ts';
import type { FleetSnapshot } from '#src/scheduling/lease.ts';
import { MISHAP_PLACES, type Mishaps } from './mishaps.ts';

export type MetricsParts = {
  readonly version: string;
  readonly meters: Pick<Meters, 'ended' | 'tokens' | 'loads' | 'ends' | 'ttft' | 'queue' | 'duration'>;
  readonly fleet: FleetSnapshot;
  readonly openRequests: number;
  readonly tokensPerS: number;
  readonly droppedRows: number;
  readonly loopLagMs: number;
  readonly mishaps: Pick<Mishaps, 'countOf'>;
  readonly residentBytes: number;
  /** Null where the system does not list them. */
  readonly openFiles: number | null;
  readonly armedTimers: number;
  readonly uptimeS: number;
};

type Labels = Readonly<Record<string, string>>;
type Sample = { readonly labels?: Labels; readonly value: number; readonly suffix?: string };
type Family = {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly samples: readonly Sample[];
};

/** All of it as one text, ready to be sent as `text/plain; version=0.0.4`. */
export function metricsText(parts: MetricsParts): string {
  const families = [...requestFamilies(parts), ...fleetFamilies(parts), ...processFamilies(parts)];
  return `${families.flatMap(familyLines).join('\n')}\n`;
}

function requestFamilies({ meters, openRequests, tokensPerS }: MetricsParts): readonly Family[] {
  const ended = meters.ended.map(({ modelId, outcome, termination, count }) => ({
    labels: { model: modelId, outcome, termination },
    value: count,
  }));
  const tokens = meters.tokens.flatMap(({ modelId, input, cached, output }) => [
    { labels: { model: modelId, type: 'input' }, value: input },
    { labels: { model: modelId, type: 'cached' }, value: cached },
    { labels: { model: modelId, type: 'output' }, value: output },
  ]);
  return [
    counter('flow_requests_total', 'Requests that ended, by how they ended.', ended),
    gauge('flow_requests_open', 'Requests that have not ended.', [{ value: openRequests }]),
    gauge('flow_output_tokens_per_second', 'Output of all models over the last 2 s.', [{ value: tokensPerS }]),
    counter('gen_ai_client_token_usage_total', 'Tokens, as the engines counted them.', tokens),
    histogramFamily(
      'flow_queue_wait_seconds',
      'From arrival to the right to use a loaded model, loads apart.',
      meters.queue,
    ),
    histogramFamily('gen_ai_server_time_to_first_token_seconds', 'From arrival to the first token.', meters.ttft),
    histogramFamily('gen_ai_server_request_duration_seconds', 'From arrival to the end.', meters.duration),
  ];
}

function fleetFamilies({ fleet, meters }: MetricsParts): readonly Family[] {
  const byModel = (value: (model: FleetSnapshot['models'][number]) => number) =>
    fleet.models.map((model) => ({ labels: { model: model.modelId }, value: value(model) }));
  const loads = meters.loads.map(({ modelId, result, count }) => ({
    labels: { model: modelId, result },
    value: count,
  }));
  const loadSeconds = meters.loads
    .filter(({ result }) => result === 'ready')
    .flatMap(({ modelId, count, seconds }) => [
      { labels: { model: modelId }, suffix: '_sum', value: seconds },
      { labels: { model: modelId }, suffix: '_count', value: count },
    ]);
  const states = fleet.models.map(({ modelId, state }) => ({
    labels: { model: modelId, state: state.phase },
    value: 1,
  }));
  const measured = fleet.models.reduce((sum, model) => sum + (model.measuredBytes ?? 0), 0);
  return [
    gauge(
      'flow_queue_depth',
      'Requests that wait, by model.',
      byModel((model) => model.waiting),
    ),
    gauge(
      'flow_requests_in_flight',
      'Requests that a model works on.',
      byModel((model) => model.inFlight),
    ),
    gauge('flow_model_state', '1 for the state that a model is in.', states),
    counter('flow_model_loads_total', 'Loads, by result.', loads),
    {
      name: 'flow_model_load_seconds',
      kind: 'summary',
      help: 'Time of loads that became ready.',
      samples: loadSeconds,
    },
    counter(
      'flow_model_ends_total',
      'Loaded models that were unloaded, by reason, or whose engine ended by itself (crash).',
      meters.ends.map(({ reason, count }) => ({ labels: { reason }, value: count })),
    ),
    counter('flow_swaps_total', 'Models unloaded to make room for another.', [{ value: fleet.swaps }]),
    gauge('flow_memory_bytes', 'Memory for models: budget, reserved, and resident as measured.', [
      { labels: { kind: 'budget' }, value: fleet.memory.budgetBytes },
      { labels: { kind: 'reserved' }, value: fleet.memory.reservedBytes },
      { labels: { kind: 'measured' }, value: measured },
    ]),
  ];
}

function processFamilies(parts: MetricsParts): readonly Family[] {
  return [
    counter('flow_telemetry_rows_dropped_total', 'Records lost because the database would not take them.', [
      { value: parts.droppedRows },
    ]),
    counter(
      'flow_unexpected_errors_total',
      'Mistakes in Flow that it survived, by where they showed.',
      MISHAP_PLACES.map((place) => ({ labels: { place }, value: parts.mishaps.countOf(place) })),
    ),
    gauge('flow_eventloop_lag_seconds', 'Worst delay of the event loop in the last 15 s.', [
      { value: parts.loopLagMs / 1000 },
    ]),
    gauge('process_resident_memory_bytes', 'Resident memory of Flow itself.', [{ value: parts.residentBytes }]),
    gauge('process_open_fds', 'Open file descriptors of Flow itself.', known(parts.openFiles)),
    gauge('flow_timers_armed', 'Timers of Flow that wait for their time.', [{ value: parts.armedTimers }]),
    gauge('flow_uptime_seconds', 'Time since Flow started.', [{ value: parts.uptimeS }]),
    gauge('flow_build_info', 'Always 1.', [{ labels: { version: parts.version }, value: 1 }]),
  ];
}

/** No sample of what is not known. */
const known = (value: number | null): readonly Sample[] => (value === null ? [] : [{ value }]);

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, kind: 'counter', help, samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, kind: 'gauge', help, samples };
}

function histogramFamily(name: string, help: string, { boundsS, counts, sumS }: Histogram): Family {
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    return { labels: { le: String(boundsS[index] ?? '+Inf') }, suffix: '_bucket', value: total };
  });
  const samples = [...buckets, { suffix: '_sum', value: sumS }, { suffix: '_count', value: total }];
  return { name, kind: 'histogram', help, samples };
}

function familyLines({ name, kind, help, samples }: Family): readonly string[] {
  if (samples.length === 0) return [];
  const lines = samples.map(({ suffix = '', labels = {}, value }) => `${name}${suffix}${labelText(labels)} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...lines];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
