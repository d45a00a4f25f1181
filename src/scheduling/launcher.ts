/**
 * Starts and stops engines by their supervisors, and keeps ledger, leases and records true to what the processes do.
 * It decides nothing about memory or turns: the dispatcher does.
 */
import { assert } from '#src/assert.ts';
import type { Fault } from '#src/faults.ts';
import type { ModelId } from '#src/models/model.ts';
import type { ModelState, StopReason } from '#src/supervision/model-state.ts';
import { SwapBook } from './contention.ts';
import type { FleetNeeds } from './fleet-needs.ts';
import { Ledger } from './ledger.ts';
import * as refusals from './refusals.ts';
import { Seat } from './seat.ts';

/** A peak is recorded anew when it grows by more than this. */
const PEAK_GROWTH_RATIO = 1.01;
const MEMORY_SAMPLE_INTERVAL_MS = 5_000;

/** Owns the seats and the ledger. `onChange` is called after each change of a process. */
export class Launcher {
  readonly seats = new Map<ModelId, Seat>();
  readonly ledger = new Ledger();
  readonly swapBook: SwapBook;
  readonly #needs: FleetNeeds;
  readonly #onChange: () => void;
  #swaps = 0;
  #sampledAtMs = Number.NEGATIVE_INFINITY;

  constructor(needs: FleetNeeds, onChange: () => void) {
    this.#needs = needs;
    this.#onChange = onChange;
    this.swapBook = new SwapBook(needs.clock.monotonicMs());
  }

  /** Models unloaded to make room for another since Flow started. */
  get swaps(): number {
    return this.#swaps;
  }

  /** The record of a model, made on first sight. */
  seat(modelId: ModelId): Seat {
    const known = this.seats.get(modelId);
    if (known) return known;
    const supervisor = this.#needs.makeSupervisor(modelId, (state, previous) => {
      const seat = this.seats.get(modelId);
      // One whose seat was taken away may still have something to say.
      if (seat?.supervisor === supervisor) this.#follow(seat, state, previous);
    });
    const { findModel, records } = this.#needs;
    const seat = new Seat(modelId, findModel(modelId), supervisor, records.usualLoadMs(modelId));
    this.seats.set(modelId, seat);
    return seat;
  }

  /** Takes the memory that admission granted in this turn of the event loop, and starts. */
  start(seat: Seat): void {
    const { model, need, wantedOverrides: overrides, isForced: force } = seat;
    assert(model !== null, 'a registered model');
    if (!seat.isExternal) {
      assert(need !== null, 'a known need');
      this.ledger.reserve(seat.modelId, need, this.#needs.budgetBytes());
    }
    const { clock } = this.#needs;
    seat.mlxProcessesRun = seat.mlxProcesses;
    seat.isForced = false;
    seat.lastOverrides = overrides;
    seat.load = { overrides, askedAtMs: clock.monotonicMs(), askedAtWallMs: clock.wallMs() };
    seat.supervisor.start(model, overrides, { force });
  }

  /** Gives up a start that the supervisor never took up. */
  giveUpStart(seat: Seat): void {
    this.#gone(seat, { phase: 'idle' }, seat.state);
  }

  /** Wants its process gone. Its leases become void by that, and know why. */
  stop(seat: Seat, reason: StopReason): void {
    // Whoever wants it gone for another reason wants it to stay so.
    if (seat.stopAsked === 'growth') seat.stopAsked = reason;
    if (seat.activity === 'absent' || seat.activity === 'stopping') return;
    // Only a person may end what somebody else started, and a model that left the list is only disconnected.
    const asked = seat.isExternal && seat.model === null ? 'abandoned' : reason;
    seat.stopAsked = asked;
    const fault = refusals.stopped(seat.modelId, reason);
    for (const lease of seat.held) lease.end(fault);
    const before = seat.state;
    seat.supervisor.stop(asked);
    if (seat.stopAsked !== null && !hasProcess(seat.state)) this.#gone(seat, seat.state, before);
  }

  /** Unloads a model to make room, for another one or for a budget that has shrunk (null). */
  evict(seat: Seat, roomFor: ModelId | null): void {
    const nowMs = this.#needs.clock.monotonicMs();
    if (seat.activity === 'ready') this.#swaps += 1;
    if (seat.activity === 'ready' && roomFor !== null) this.swapBook.swapped(seat.modelId, roomFor, nowMs);
    if (roomFor !== null) seat.madeRoomAtMs = nowMs;
    seat.roomFor = roomFor;
    this.stop(seat, seat.activity === 'starting' ? 'abandoned' : 'eviction');
  }

  /** Lets go of the record of a model without a process; an engine of somebody else's is no longer looked at. */
  forget(seat: Seat): void {
    if (seat.isExternal) seat.supervisor.stop('abandoned');
    this.seats.delete(seat.modelId);
  }

  /** Refuses all who wait for a model. */
  refuseAll(seat: Seat, fault: Fault): void {
    for (const waiter of seat.waiters.takeAll()) waiter.refuse(fault);
  }

  /** Models that have, or may have, a process. */
  running(): readonly Seat[] {
    return [...this.seats.values()].filter((seat) => hasProcess(seat.state));
  }

  /** Models loaded for nobody at present that may be unloaded to make room. */
  idle(): readonly Seat[] {
    const isIdle = (seat: Seat): boolean => seat.held.size === 0 && seat.waiters.length === 0;
    return [...this.seats.values()].filter(
      (seat) => seat.activity === 'ready' && isIdle(seat) && !seat.isPinned && !seat.isExternal,
    );
  }

  /** Reads the memory of all that runs, when it is time to; answers when it will be time again. */
  sample(nowMs: number): number {
    const running = this.running();
    if (running.length === 0) return Number.POSITIVE_INFINITY;
    if (nowMs >= this.#sampledAtMs + MEMORY_SAMPLE_INTERVAL_MS) {
      this.#sampledAtMs = nowMs;
      for (const seat of running) this.measure(seat);
    }
    return this.#sampledAtMs + MEMORY_SAMPLE_INTERVAL_MS;
  }

  /** Reads how much memory a model's processes hold now. */
  measure(seat: Seat): void {
    const { state } = seat;
    seat.measuredBytes = seat.supervisor.memoryBytes();
    // What somebody else's engine takes says nothing of one that Flow would start.
    if (seat.isExternal) return;
    if (state.phase !== 'ready' || (seat.measuredBytes ?? 0) <= seat.peakBytes * PEAK_GROWTH_RATIO) return;
    seat.peakBytes = seat.measuredBytes ?? 0;
    const { launch, engineVersion } = state;
    this.#needs.records.recordMemory({ modelId: seat.modelId, launch, engineVersion, residentBytes: seat.peakBytes });
  }

  #follow(seat: Seat, state: ModelState, previous: ModelState): void {
    if (state.phase === 'ready' && previous.phase !== 'ready') this.#arrived(seat);
    const isEnd = state.phase === 'idle' ? hasProcess(previous) : state.phase === 'failed';
    if (isEnd) this.#gone(seat, state, previous);
    this.#onChange();
  }

  #arrived(seat: Seat): void {
    const nowMs = this.#needs.clock.monotonicMs();
    this.#recordLoad(seat, 'ready', null);
    // A restart that nobody asked for is nobody's use of the model.
    if (!seat.isOnlyRenewed) seat.idleSinceMs = nowMs;
    seat.load = null;
    seat.wish = null;
    seat.outOfMemory = 'never';
    seat.forgetAnswers();
    seat.readySinceMs = nowMs;
    seat.baselineBytes = seat.supervisor.memoryBytes();
    seat.usualLoadMs = this.#needs.records.usualLoadMs(seat.modelId);
    seat.peakBytes = 0;
  }

  /** The process is gone: its memory is free, its leases are void, and whoever waited for a failed load hears why. */
  #gone(seat: Seat, state: ModelState, previous: ModelState): void {
    const { load, stopAsked } = seat;
    const crash = state.phase === 'failed' && stopAsked === null ? state : null;
    if (state.phase === 'failed') seat.failedFileState = seat.model ? this.#needs.fileStateOf(seat.model) : null;
    if (load) this.#recordLoad(seat, crash ? 'failed' : 'abandoned', crash?.report.kind ?? null);
    else this.#recordEnd(seat, crash);
    if (seat.held.size > 0) seat.lastUsedAtMs = this.#needs.clock.wallMs();
    const ending = crash ? refusals.engineDied(crash.report) : refusals.engineStopped(seat.modelId);
    for (const lease of seat.held) lease.end(ending);
    seat.held.clear();
    seat.load = null;
    seat.stopAsked = null;
    seat.roomFor = null;
    seat.measuredBytes = null;
    if (stopAsked !== 'growth') seat.keepAlive = 'default';
    const givenBytes = this.ledger.of(seat.modelId)?.totalBytes ?? null;
    this.ledger.release(seat.modelId);
    if (load && crash?.report.kind === 'out-of-memory' && givenBytes !== null)
      this.#needs.records.recordShortage({ modelId: seat.modelId, overrides: load.overrides, givenBytes });
    for (const tell of seat.onStopped.splice(0)) tell();
    const wasUnhealthy = previous.phase === 'stopping' && previous.reason === 'unhealthy';
    if (load && crash) this.#loadFailed(seat, crash);
    // It is watched, and comes back when somebody starts it.
    else if (seat.isExternal) return;
    else if (stopAsked === 'growth' && !seat.isPinned) this.#wishBack(seat, 'growth');
    else if ((crash || wasUnhealthy || stopAsked === 'growth') && seat.isPinned) this.#wishBack(seat, 'pin');
  }

  #loadFailed(seat: Seat, crash: Extract<ModelState, { phase: 'failed' }>): void {
    const canMakeRoom = this.idle().length > 0;
    if (crash.report.kind === 'out-of-memory' && seat.outOfMemory === 'never' && seat.isWanted && canMakeRoom) {
      seat.outOfMemory = 'clearing';
      seat.isForced = true;
      return;
    }
    seat.outOfMemory = 'never';
    const leftMs = crash.retryAtMs === null ? null : crash.retryAtMs - this.#needs.clock.monotonicMs();
    const retryAfterS = leftMs === null ? null : Math.max(1, Math.ceil(leftMs / 1000));
    this.refuseAll(seat, refusals.loadFailed(seat.modelId, crash.report, retryAfterS));
    if (seat.wish?.by !== 'pin' || crash.retryAtMs === null) seat.wish = null;
  }

  /** A pinned model that crashed comes back by itself, as it was, after the back-off; so does one that had grown. */
  #wishBack(seat: Seat, by: 'pin' | 'growth'): void {
    seat.wish ??= { by, overrides: seat.lastOverrides, sinceMs: this.#needs.clock.monotonicMs() };
  }

  #recordLoad(seat: Seat, outcome: 'ready' | 'failed' | 'abandoned', crashKind: string | null): void {
    if (!seat.load) return;
    const nowMs = this.#needs.clock.monotonicMs();
    const loadMs = nowMs - seat.load.askedAtMs;
    this.swapBook.loaded(seat.modelId, loadMs, nowMs);
    const startedAtMs = seat.load.askedAtWallMs;
    this.#needs.records.recordLoad({ modelId: seat.modelId, startedAtMs, loadMs, outcome, crashKind });
  }

  #recordEnd({ modelId, stopAsked, roomFor }: Seat, crash: Extract<ModelState, { phase: 'failed' }> | null): void {
    const end = { modelId, endedAtMs: this.#needs.clock.wallMs() };
    if (crash !== null) {
      const { kind: crashKind, message } = crash.report;
      this.#needs.records.recordEnd({ ...end, kind: 'crash', crashKind, message });
    } else if (stopAsked !== null) {
      const madeRoomFor = stopAsked === 'eviction' ? roomFor : null;
      this.#needs.records.recordEnd({ ...end, kind: 'unload', reason: stopAsked, madeRoomFor });
    }
  }
}

/** Whether the state says that there is, or may be, a process. */
function hasProcess(state: ModelState): boolean {
  return state.phase === 'starting' || state.phase === 'ready' || state.phase === 'stopping';
}
