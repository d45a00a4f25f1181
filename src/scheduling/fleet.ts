/**
 * All models and the right to use them. This is the door: it checks a wish, notes it at the model's seat and lets the
 * dispatcher settle. Concurrency of a model is the number of its slots; requests beyond it wait here, and their callers
 * take turns (`rounds.ts`).
 */

import type { FlowEvent } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { Footprint, LaunchOverrides, ModelId } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { StopReason } from '#src/supervision/model-state.ts';
import type { Admission } from './admission.ts';
import { Dispatcher } from './dispatcher.ts';
import type { FleetNeeds } from './fleet-needs.ts';
import type { Plan } from './forecast.ts';
import type { AcquireOptions, FleetModel, FleetSnapshot, KeepAlive, Lease, Lender } from './lease.ts';
import * as refusals from './refusals.ts';
import { BRIEF_LEASES_MAX, type Seat } from './seat.ts';
import { abortOf, Waiter } from './waiter.ts';

/** An engine is killed 10 s after it was asked to stop; what is not gone by then cannot be waited for. */
const STOP_MAX_MS = 15_000;
/** Settings whose change may leave less room than is taken. */
const MEMORY_SETTINGS: readonly string[] = ['memory_limit_gb', 'memory_headroom_gb', 'mlx_processes_max'];

/** Lends models to requests, one start for any number of them, within the memory there is. */
export class Fleet implements Lender {
  readonly #needs: FleetNeeds;
  readonly #dispatcher: Dispatcher;
  readonly #unsubscribe: () => void;

  constructor(needs: FleetNeeds) {
    this.#needs = needs;
    this.#dispatcher = new Dispatcher(needs);
    this.#unsubscribe = needs.bus.subscribe((event) => this.#hear(event));
  }

  acquire(modelId: ModelId, options: AcquireOptions): Promise<Lease> {
    if (options.signal.aborted) return Promise.reject(abortOf(options.signal));
    const refusal = this.#refusal(modelId, options);
    if (refusal) return Promise.reject(refusal);
    const seat = this.#seat(modelId);
    const waiter = new Waiter(options, this.#needs.clock.monotonicMs(), (left, fault) => {
      seat.waiters.leave(left);
      left.refuse(fault);
      this.#dispatcher.settle();
    });
    seat.waiters.join(waiter);
    this.#dispatcher.settle();
    return waiter.promise;
  }

  /** Why a request is not even let wait; null when it may. */
  #refusal(modelId: ModelId, { isBrief = false, caller = '' }: AcquireOptions): Fault | null {
    if (this.#dispatcher.isClosing) return refusals.shuttingDown();
    if (this.#needs.findModel(modelId) === null) return refusals.unknownModel(modelId);
    const seat = this.#seat(modelId);
    const settings = this.#needs.settings();
    const { activity } = seat;
    const full = isServedAtOnce(seat, isBrief) ? null : this.#fullFor(seat, caller, settings);
    if (full) return full;
    if (activity === 'ready' || activity === 'starting' || seat.isExternal) return null;
    if (!settings.jit_enabled && seat.wish === null) return refusals.notLoaded(modelId);
    if (activity === 'stopping') return null;
    return this.#dispatcher.failureOf(seat, this.#needs.clock.monotonicMs()) ?? this.#memoryRefusal(seat, null);
  }

  /** A queue has room for so many; and of one caller for fewer, so that it cannot keep all others out. */
  #fullFor(seat: Seat, caller: string, settings: Settings): Fault | null {
    if (seat.waiters.length >= settings.queue_limit) return refusals.queueFull(seat.modelId, settings.queue_limit);
    const { queue_limit_per_key: limit } = settings;
    let waiting = 0;
    for (const { waiters } of this.#dispatcher.launcher.seats.values()) waiting += waiters.countOf(caller);
    return waiting >= limit ? refusals.callerQueueFull(limit) : null;
  }

  load(modelId: ModelId, overrides: LaunchOverrides): void {
    if (this.#dispatcher.isClosing) throw refusals.shuttingDown();
    if (this.#needs.findModel(modelId) === null) throw refusals.unknownModel(modelId);
    const seat = this.#seat(modelId);
    if (isOtherThanRunning(seat, overrides)) {
      throw seat.isExternal ? refusals.notOursToSet(modelId) : refusals.otherSettings(modelId);
    }
    if (seat.activity === 'ready') return;
    if (seat.activity === 'absent' && !seat.isExternal) {
      const refusal = this.#memoryRefusal(seat, overrides);
      if (refusal) throw refusal;
    }
    // While it starts, the wish only says that the load is to be finished even if every request leaves.
    const sinceMs = this.#needs.clock.monotonicMs();
    seat.wish = { by: 'person', overrides: seat.load?.overrides ?? overrides, sinceMs };
    seat.isForced = seat.activity !== 'starting';
    this.#dispatcher.settle();
  }

  unload(modelId: ModelId, { force, reason = 'user' }: { force: boolean; reason?: StopReason }): void {
    const seat = this.#known(modelId);
    if (!seat) return;
    if (!force && (seat.held.size > 0 || seat.waiters.length > 0)) {
      throw refusals.stillBusy(modelId, seat.held.size, seat.waiters.length);
    }
    const { state } = seat;
    if (seat.isExternal && reason === 'user' && state.phase === 'ready' && state.pid === null) {
      throw refusals.notOurs(modelId, state.baseUrl);
    }
    // Whoever waits for a model that hangs still wants it: a fresh process serves them.
    if (reason !== 'unhealthy') {
      seat.wish = null;
      this.#dispatcher.launcher.refuseAll(seat, refusals.unloaded(modelId));
    }
    this.#dispatcher.launcher.stop(seat, reason);
    this.#dispatcher.settle();
  }

  keep(modelId: ModelId, keepAlive: KeepAlive): void {
    const seat = this.#known(modelId);
    if (!seat || seat.activity === 'absent' || seat.activity === 'stopping') return;
    seat.keepAlive = keepAlive;
    this.#dispatcher.settle();
  }

  stopped(modelId: ModelId): Promise<void> {
    const seat = this.#known(modelId);
    if (!seat || seat.activity === 'absent') return Promise.resolve();
    return new Promise((resolve) => seat.onStopped.push(resolve));
  }

  snapshot(): FleetSnapshot {
    const { launcher } = this.#dispatcher;
    const seats = [...launcher.seats.values()];
    const queue = seats
      .toSorted(byTurn)
      .flatMap((seat) =>
        inOrder(seat).flatMap(({ requestId, sinceMs, wait }) =>
          wait ? [{ requestId, modelId: seat.modelId, sinceMs, wait }] : [],
        ),
      );
    const byModel = launcher.ledger
      .entries()
      .map(({ modelId, footprint: { totalBytes, source } }) => ({ modelId, bytes: totalBytes, source }));
    return {
      models: seats.map((seat) => seat.view(launcher.ledger.of(seat.modelId))),
      memory: { budgetBytes: this.#needs.budgetBytes(), reservedBytes: launcher.ledger.reservedBytes, byModel },
      queue,
      swaps: launcher.swaps,
      contention: launcher.swapBook.contention(this.#needs.clock.monotonicMs()),
    };
  }

  model(modelId: ModelId): FleetModel {
    const seat = this.#known(modelId);
    if (seat) return seat.view(this.#dispatcher.launcher.ledger.of(seat.modelId));
    return {
      modelId,
      state: { phase: 'idle' },
      inFlight: 0,
      waiting: 0,
      unloadAtMs: null,
      staysMs: null,
      isPinned: this.#needs.findModel(modelId)?.config.is_pinned ?? false,
      reserved: null,
      measuredBytes: null,
      usualLoadMs: this.#needs.records.usualLoadMs(modelId),
      isMisbehaving: false,
      lastUsedAtMs: null,
    };
  }

  /** What the last load of a model was asked to do differently from its configuration; nothing when it had none. */
  overridesOf(modelId: ModelId): LaunchOverrides {
    return this.#known(modelId)?.lastOverrides ?? {};
  }

  /**
   * What admission intends for each model that is wanted and does not run, in the order of their turns; for
   * `forecast`.
   */
  plans(): readonly Plan[] {
    return [...this.#dispatcher.launcher.seats.values()].toSorted(byTurn).flatMap((seat) => {
      if (seat.admission === null || seat.need === null || seat.activity !== 'absent') return [];
      return [{ modelId: seat.modelId, needBytes: seat.need.totalBytes, admission: seat.admission }];
    });
  }

  /** What admission would answer for a load of this need now, the model's own process apart. Changes nothing. */
  foresee(modelId: ModelId, need: Footprint): Admission {
    return this.#dispatcher.ask(this.#seat(modelId), need);
  }

  /** Begins to watch a model whose engine somebody else started; any other one is left until it is wanted. */
  attend(modelId: ModelId): void {
    const endpoint = this.#needs.findModel(modelId)?.endpoint ?? null;
    const held = this.#known(modelId);
    if (held?.isExternal && endpoint === null) {
      // Its name is another model's now.
      this.#dispatcher.launcher.stop(held, 'abandoned');
      this.#dispatcher.launcher.forget(held);
    }
    if (endpoint !== null) this.#seat(modelId);
    this.#dispatcher.settle();
  }

  shutdown(drainMs: number): Promise<void> {
    this.#unsubscribe();
    return this.#dispatcher.close(drainMs, STOP_MAX_MS);
  }

  /** The seat with its model as it is registered now. One model has one seat, however its id was spelled. */
  #seat(modelId: ModelId): Seat {
    const model = this.#needs.findModel(modelId);
    const seat = this.#dispatcher.launcher.seat(model?.id ?? modelId);
    seat.model = model;
    return seat;
  }

  #known(modelId: ModelId): Seat | null {
    const { seats } = this.#dispatcher.launcher;
    return seats.get(modelId) ?? seats.get(this.#needs.findModel(modelId)?.id ?? modelId) ?? null;
  }

  #memoryRefusal(seat: Seat, overrides: LaunchOverrides | null): Fault | null {
    if (seat.model === null) return null;
    try {
      const need = this.#needs.needOf(seat.model, overrides ?? seat.wantedOverrides);
      const answer = this.#dispatcher.ask(seat, need);
      if (answer.decision !== 'refuse') return null;
      return refusals.noMemory(seat.modelId, need, { budgetBytes: this.#needs.budgetBytes(), ...answer });
    } catch (cause) {
      if (cause instanceof Fault) return refusals.needUnknown(seat.modelId, cause);
      throw cause;
    }
  }

  #hear(event: FlowEvent): void {
    if (this.#dispatcher.announcer.isTelling) return;
    switch (event.type) {
      case 'settings-changed':
        if (event.keys.some((key) => MEMORY_SETTINGS.includes(key))) this.#dispatcher.trim();
        // What did not start with the old settings may start with the new ones.
        for (const seat of this.#dispatcher.launcher.seats.values()) seat.supervisor.forgive();
        this.#dispatcher.settle();
        return;
      case 'engine-install-changed':
        this.#dispatcher.settle();
        return;
      case 'model-added':
      case 'model-changed':
      case 'model-removed': {
        if (event.type === 'model-added') this.attend(event.modelId);
        const seat = this.#known(event.modelId);
        if (!seat) return;
        seat.model = this.#needs.findModel(event.modelId);
        seat.supervisor.forgive();
        this.#dispatcher.settle();
        return;
      }
      default:
    }
  }
}

/** Who waits for a model, as they will be served. */
function inOrder({ waiters }: Seat): readonly Waiter[] {
  return [...waiters.inOrder({ isBrief: true }), ...waiters.inOrder({ isBrief: false })];
}

/** Whether a request need not wait at all. */
function isServedAtOnce(seat: Seat, isBrief: boolean): boolean {
  if (seat.state.phase !== 'ready' || seat.activity !== 'ready' || seat.closedFor !== null) return false;
  if (seat.waiters.lengthOf({ isBrief }) > 0) return false;
  return isBrief ? seat.briefHeld < BRIEF_LEASES_MAX : seat.slotsTaken < seat.state.slots;
}

/** Loaded ones first, then loading ones, then by arrival: the order in which their queues move. */
function byTurn(a: Seat, b: Seat): number {
  return rank(a) - rank(b) || a.wantedSinceMs - b.wantedSinceMs || (a.modelId < b.modelId ? -1 : 1);
}

function rank(seat: Seat): number {
  if (seat.activity === 'ready') return seat.closedFor === null ? 0 : 2;
  return seat.activity === 'starting' ? 1 : 2;
}

/** A running model keeps its settings: a second set of them would make two users reload it for each other for ever. */
function isOtherThanRunning(seat: Seat, overrides: LaunchOverrides): boolean {
  const { state, activity, load } = seat;
  // What was asked may have been brought down on its way to the engine (a context beyond the trained one, or 0 for it).
  if (activity === 'ready' && state.phase === 'ready') {
    return isOther(overrides, state.launch) && isOther(overrides, seat.lastOverrides);
  }
  if (activity === 'starting') return load !== null && isOther(overrides, load.overrides);
  return false;
}

function isOther(wanted: LaunchOverrides, present: LaunchOverrides): boolean {
  const inUse = new Map<string, unknown>(Object.entries(present));
  return Object.entries(wanted).some(([name, value]) => !Bun.deepEquals(value, inUse.get(name)));
}
