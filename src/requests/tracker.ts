/** Watches every request from its arrival until ten seconds after its end. */
import type { Clock, Timer } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import type { ModelId } from '#src/models/model.ts';
import type { NewRequestRow } from '#src/store/schema.ts';
import type { RepairUse, RequestHead, RequestId, RequestView, Ticket, Tracker } from './request.ts';
import { SpeedWindow } from './speed.ts';
import { type EngineIdentity, RequestTicket, type TicketDesk } from './ticket.ts';

/** A repair and the answer it was used on. */
export type Mended = { readonly requestId: RequestId; readonly modelId: ModelId | null; readonly use: RepairUse };

export type TrackerParts = {
  readonly clock: Clock;
  readonly bus: Bus;
  /** Takes the one row of each request; must neither throw nor wait. */
  readonly record: (row: NewRequestRow) => void;
  /** Which engine serves a model now; asked once a request, when it is sent. */
  readonly engineOf?: (modelId: ModelId) => EngineIdentity | null;
  /** Takes each use of a repair; must neither throw nor wait. */
  readonly onMended?: (mended: Mended) => void;
};

const TICK_MS = 100;
/**
 * No page shows more than ten states a second. With a timer of no delay, each request would wake the event loop once
 * more, just when its engine answers: 0.1 ms of its time to the first token (measured).
 */
const TELL_MS = 20;
const WINDOW_MS = 2_000;
const ENDED_STAY_MS = 10_000;
/** At thousands of requests a second, ten seconds of them would be tens of megabytes. */
const ENDED_MAX = 500;

/**
 * Keeps all tickets. Changes of stage are published within 20 ms; counts and speeds by one shared tick of 100 ms
 * that runs only while something stirs, so that a token costs a comparison and an addition.
 */
export class RequestTracker implements Tracker {
  readonly #parts: TrackerParts;
  readonly #desk: TicketDesk;
  readonly #tickets = new Map<RequestId, RequestTicket>();
  readonly #ended: RequestTicket[] = [];
  readonly #stirred = new Set<RequestTicket>();
  readonly #changed = new Set<RequestTicket>();
  readonly #speed = new SpeedWindow();
  #tellTimer: Timer | null = null;
  #tickTimer: Timer | null = null;
  #sweepTimer: Timer | null = null;
  #openCount = 0;
  #begunCount = 0;
  #tokens = 0;

  constructor(parts: TrackerParts) {
    this.#parts = parts;
    this.#desk = {
      monotonicMs: () => parts.clock.monotonicMs(),
      engineOf: (modelId) => parts.engineOf?.(modelId) ?? null,
      changed: (ticket) => this.#tellSoon(ticket),
      stirred: (ticket) => this.#stir(ticket),
      counted: (tokens) => this.#count(tokens),
      mended: (ticket, use) => parts.onMended?.({ requestId: ticket.id, modelId: ticket.modelId, use }),
      ended: (ticket, row) => this.#end(ticket, row),
    };
  }

  open(head: RequestHead): Ticket {
    const ticket = new RequestTicket(newRequestId(), head, this.#parts.clock.wallMs(), this.#desk);
    this.#tickets.set(ticket.id, ticket);
    this.#openCount += 1;
    this.#begunCount += 1;
    this.#tellSoon(ticket);
    return ticket;
  }

  list(): readonly RequestView[] {
    return [...this.#tickets.values()].map((ticket) => ticket.view);
  }

  find(id: RequestId): RequestView | null {
    return this.#tickets.get(id)?.view ?? null;
  }

  cancel(id: RequestId): boolean {
    return this.#tickets.get(id)?.cancel() ?? false;
  }

  /**
   * Cancels those the engine works on and of which nothing was heard for `silentMs`; says how many. Waiting ones are
   * left alone: the queue has its own limit.
   */
  cancelSilent(silentMs: number): number {
    const latestMs = this.#parts.clock.monotonicMs() - silentMs;
    const silent = [...this.#tickets.values()].filter(
      (ticket) => WORKING_STAGES.has(ticket.stage) && ticket.lastSignMs <= latestMs,
    );
    return silent.filter((ticket) => ticket.cancel()).length;
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** Requests since the start. */
  get begunCount(): number {
    return this.#begunCount;
  }

  get tokensPerS(): number {
    const nowMs = this.#parts.clock.monotonicMs();
    const before = this.#speed.reading(nowMs - WINDOW_MS);
    if (before === null) return 0;
    // After a rest the sample is old, but nothing was counted since: only its number holds, not its time.
    const elapsedMs = Math.min(Math.max(nowMs - before.atMs, WINDOW_MS), WINDOW_MS + TICK_MS);
    return ((this.#tokens - before.count) * 1000) / elapsedMs;
  }

  /** A request that goes through four stages in no time is told of once, behind what is urgent. */
  #tellSoon(ticket: RequestTicket): void {
    this.#changed.add(ticket);
    this.#tellTimer ??= this.#parts.clock.after(TELL_MS, () => {
      this.#tellTimer = null;
      const changed = [...this.#changed];
      this.#changed.clear();
      for (const each of changed) this.#publish(each);
    });
  }

  #publish(ticket: RequestTicket): void {
    this.#parts.bus.publish({ type: 'request-changed', requestId: ticket.id, modelId: ticket.modelId ?? '' });
  }

  /** The sample before the first token after a rest is what the next speeds are measured from. */
  #count(tokens: number): void {
    if (this.#tickTimer === null) this.#speed.sample(this.#parts.clock.monotonicMs(), this.#tokens);
    this.#tokens += tokens;
    this.#arm();
  }

  #stir(ticket: RequestTicket): void {
    this.#stirred.add(ticket);
    this.#arm();
  }

  #arm(): void {
    this.#tickTimer ??= this.#parts.clock.after(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    this.#tickTimer = null;
    const nowMs = this.#parts.clock.monotonicMs();
    this.#speed.sample(nowMs, this.#tokens);
    const stirred = [...this.#stirred];
    this.#stirred.clear();
    for (const ticket of stirred) {
      ticket.tick(nowMs);
      this.#publish(ticket);
    }
  }

  #end(ticket: RequestTicket, row: NewRequestRow): void {
    this.#openCount -= 1;
    this.#stirred.delete(ticket);
    this.#ended.push(ticket);
    this.#parts.record(row);
    this.#tellSoon(ticket);
    if (this.#ended.length > ENDED_MAX) this.#removeOldest();
    this.#sweepTimer ??= this.#parts.clock.after(ENDED_STAY_MS, () => this.#sweep());
  }

  /** One timer for all ended requests: they leave in the order in which they ended. */
  #sweep(): void {
    this.#sweepTimer = null;
    const latestMs = this.#parts.clock.monotonicMs() - ENDED_STAY_MS;
    while (endedMsOf(this.#ended[0]) <= latestMs) this.#removeOldest();
    const nextMs = endedMsOf(this.#ended[0]);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#sweepTimer = this.#parts.clock.after(Math.max(1, nextMs - latestMs), () => this.#sweep());
  }

  #removeOldest(): void {
    const ticket = this.#ended.shift();
    if (!ticket) return;
    this.#tickets.delete(ticket.id);
    this.#parts.bus.publish({ type: 'request-removed', requestId: ticket.id, modelId: ticket.modelId ?? '' });
  }
}

const WORKING_STAGES: ReadonlySet<string> = new Set(['prefilling', 'generating', 'sending']);

function endedMsOf(ticket: RequestTicket | undefined): number {
  return ticket?.endedMs ?? Number.POSITIVE_INFINITY;
}

function newRequestId(): RequestId {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex');
}
