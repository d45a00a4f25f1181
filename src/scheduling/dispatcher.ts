/**
 * The machinery of scheduling, and its single writer. Every input (a request, its end, a change of a process, a timer,
 * a setting) ends in `settle`: passes over all models until nothing more follows. From a decision to the orders it
 * causes there is no `await`: one turn of the event loop is our mutex. The policies are elsewhere and pure:
 * `turns.ts`, `eviction.ts`, `admission.ts`, `cooldown.ts`.
 */
import { assert, impossible } from '#src/assert.ts';
import { asFault, type Fault } from '#src/faults.ts';
import type { Footprint } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';
import { type Admission, admit, admitAll } from './admission.ts';
import { Alarm } from './alarm.ts';
import { Announcer } from './announcer.ts';
import { cooldownMs } from './cooldown.ts';
import { cheapestToLose, mlxProcessesOf } from './eviction.ts';
import type { FleetNeeds } from './fleet-needs.ts';
import { growthOf, renewalAtMs } from './growth.ts';
import { Launcher } from './launcher.ts';
import type { Occupant, Want } from './occupant.ts';
import * as refusals from './refusals.ts';
import { HeldLease, type Seat } from './seat.ts';

/** A request waits for the end of a back-off that is at most this far; a farther one refuses it. */
const BACK_OFF_WAIT_MAX_MS = 5_000;
/** A start that its supervisor has not taken up by then is asked for again. */
const START_ANSWER_MAX_MS = 1_000;
const ROUNDS_MAX = 10_000;

type Closing = { deadlineMs: number; giveUpAtMs: number; readonly whenGone: (() => void)[] };

/** Lends, starts, evicts and cools down, as the policies say. */
export class Dispatcher {
  readonly launcher: Launcher;
  readonly announcer: Announcer;
  readonly #needs: FleetNeeds;
  readonly #alarm: Alarm;
  #isDirty = false;
  #isSettling = false;
  #isTrimAsked = false;
  #closing: Closing | null = null;

  constructor(needs: FleetNeeds) {
    this.#needs = needs;
    this.#alarm = new Alarm(needs.clock, () => this.settle());
    this.launcher = new Launcher(needs, () => this.settle());
    this.announcer = new Announcer({ bus: needs.bus, ledger: this.launcher.ledger });
  }

  get isClosing(): boolean {
    return this.#closing !== null;
  }

  /** What admission would answer for a model if it did not run. Changes nothing. */
  ask(seat: Seat, need: Footprint): Admission {
    const nowMs = this.#needs.clock.monotonicMs();
    const others = this.#occupants(nowMs).filter(({ modelId }) => modelId !== seat.modelId);
    return admit(wantOf(seat, need.totalBytes, nowMs), others, this.#terms(this.#needs.settings(), nowMs));
  }

  /** Stops idle models at the next pass until the reservations fit a budget that has shrunk. */
  trim(): void {
    this.#isTrimAsked = true;
  }

  /** Refuses new work, waits for leases until `drainMs`, then stops everything. A later call can only shorten it. */
  close(drainMs: number, stopMaxMs: number): Promise<void> {
    const deadlineMs = this.#needs.clock.monotonicMs() + drainMs;
    this.#closing ??= { deadlineMs, giveUpAtMs: deadlineMs + stopMaxMs, whenGone: [] };
    this.#closing.deadlineMs = Math.min(this.#closing.deadlineMs, deadlineMs);
    this.#closing.giveUpAtMs = Math.min(this.#closing.giveUpAtMs, deadlineMs + stopMaxMs);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closing.whenGone.push(resolve);
    this.settle();
    return promise;
  }

  /** Decides and acts until nothing more follows, then tells what changed. Safe to call from within itself. */
  settle(): void {
    this.#isDirty = true;
    if (this.#isSettling) return;
    this.#isSettling = true;
    try {
      for (let round = 0; this.#isDirty; round += 1) {
        assert(round < ROUNDS_MAX, 'the scheduler to come to rest');
        this.#isDirty = false;
        this.#pass();
        if (!this.#isDirty) this.announcer.announce(this.#seats(), this.#needs.budgetBytes());
      }
    } finally {
      this.#isSettling = false;
    }
    this.#alarm.arm();
  }

  #pass(): void {
    const nowMs = this.#needs.clock.monotonicMs();
    const settings = this.#needs.settings();
    this.#excuseSleep(nowMs);
    this.#alarm.clear();
    for (const seat of this.#seats()) {
      seat.admission = null;
      seat.closedFor = null;
      seat.unloadAtMs = null;
      seat.staysMs = null;
    }
    this.#alarm.by(this.launcher.sample(nowMs));
    if (this.#closing) {
      this.#windDown(this.#closing, nowMs);
      return;
    }
    for (const seat of this.#seats()) this.#expire(seat, settings, nowMs);
    if (this.#isTrimAsked) this.#trimNow(nowMs);
    this.#startWanted(settings, nowMs);
    for (const seat of this.#seats()) this.#grant(seat);
    for (const seat of this.#seats()) this.#cool(seat, settings, nowMs);
  }

  /** Time that passed in sleep is nobody's idleness and nobody's wait: what was loaded before is loaded after it. */
  #excuseSleep(nowMs: number): void {
    const sleptMs = this.#alarm.sleptMs(nowMs);
    if (sleptMs === 0) return;
    for (const seat of this.#seats()) {
      seat.idleSinceMs += sleptMs;
      seat.madeRoomAtMs += sleptMs;
      for (const waiter of seat.waiters) waiter.sinceMs += sleptMs;
      if (seat.wish) seat.wish = { ...seat.wish, sinceMs: seat.wish.sinceMs + sleptMs };
    }
  }

  /** What can no longer come true: the model is gone, just-in-time loading is off, the wait was too long. */
  #expire(seat: Seat, settings: Settings, nowMs: number): void {
    const { load, state } = seat;
    if (load && (state.phase === 'idle' || state.phase === 'failed')) {
      if (nowMs >= load.askedAtMs + START_ANSWER_MAX_MS) this.launcher.giveUpStart(seat);
      else this.#alarm.by(load.askedAtMs + START_ANSWER_MAX_MS);
    }
    if (seat.model === null) {
      this.#dismiss(seat);
      return;
    }
    // Only its pin wanted it, and that is gone.
    if (seat.wish?.by === 'pin' && !seat.isPinned) seat.wish = null;
    if (!seat.isWanted) return;
    const isComing = seat.activity === 'ready' || seat.activity === 'starting' || seat.wish !== null;
    if (!settings.jit_enabled && !isComing) this.launcher.refuseAll(seat, refusals.notLoaded(seat.modelId));
    this.#timeOut(seat, settings.queue_wait_seconds, nowMs);
  }

  /** The model is no longer registered: nobody can want it, and its seat goes when its process has gone. */
  #dismiss(seat: Seat): void {
    seat.wish = null;
    this.launcher.refuseAll(seat, refusals.unknownModel(seat.modelId));
    if (seat.activity === 'starting') this.launcher.stop(seat, 'user');
    if (seat.activity === 'absent' && seat.state.phase === 'idle') this.launcher.forget(seat);
  }

  /** A load has its own bounds, so the wait for it does not count; afterwards the wait for a slot counts anew. */
  #timeOut(seat: Seat, limitS: number, nowMs: number): void {
    if (seat.activity === 'starting') return;
    const floorMs = seat.activity === 'ready' ? seat.readySinceMs : 0;
    for (let first = seat.waiters.oldest; first; first = seat.waiters.oldest) {
      const deadlineMs = Math.max(first.sinceMs, floorMs) + limitS * 1000;
      if (nowMs < deadlineMs) {
        this.#alarm.by(deadlineMs);
        break;
      }
      seat.waiters.leave(first);
      first.refuse(refusals.queueTimeout(seat.modelId, limitS));
    }
    if (seat.wish?.by !== 'person' || seat.activity === 'ready') return;
    const deadlineMs = seat.wish.sinceMs + limitS * 1000;
    if (nowMs < deadlineMs) this.#alarm.by(deadlineMs);
    else this.#dropWish(seat, `${seat.modelId} was not loaded: no memory became free in ${limitS} s.`);
  }

  #trimNow(nowMs: number): void {
    this.#isTrimAsked = false;
    const occupants = this.#occupants(nowMs);
    const { mlx_processes_max: mlxMax } = this.#needs.settings();
    const excess = {
      bytes: this.launcher.ledger.reservedBytes - this.#needs.budgetBytes(),
      mlxProcesses: mlxMax === 0 ? 0 : mlxProcessesOf(occupants) - mlxMax,
    };
    const idleSeats = this.launcher.idle();
    const idle = occupants.filter(({ modelId }) => idleSeats.some((seat) => seat.modelId === modelId));
    const useful = excess.bytes > 0 ? idle : idle.filter((other) => other.mlxProcesses > 0);
    for (const { modelId } of cheapestToLose(idle, excess, nowMs) ?? useful)
      this.launcher.evict(this.launcher.seat(modelId), null);
  }

  #startWanted(settings: Settings, nowMs: number): void {
    const wants: Want[] = [];
    for (const seat of this.#seats()) {
      if (seat.activity !== 'absent') continue;
      if (!seat.isWanted) {
        seat.isForced = false;
        seat.outOfMemory = 'never';
      } else if (seat.isExternal) {
        this.#askExternal(seat, nowMs);
      } else if (this.#isRoomMade(seat) && this.#mayStart(seat, nowMs) && this.#isNeedKnown(seat)) {
        wants.push(wantOf(seat, seat.need?.totalBytes ?? 0, seat.isOnlyRenewed ? nowMs : seat.wantedSinceMs));
      }
    }
    if (wants.length === 0) return;
    for (const { want, admission } of admitAll(wants, this.#occupants(nowMs), this.#terms(settings, nowMs))) {
      this.#perform(this.launcher.seat(want.modelId), admission);
    }
  }

  /** Somebody else's engine is only looked for: it takes none of the memory that is given out here. */
  #askExternal(seat: Seat, nowMs: number): void {
    if (!this.#mayStart(seat, nowMs)) return;
    this.launcher.start(seat);
    if (seat.load) this.#alarm.by(seat.load.askedAtMs + START_ANSWER_MAX_MS);
  }

  /** After a load that ran out of memory: whether all idle models are gone. Asks them to go. */
  #isRoomMade(seat: Seat): boolean {
    if (seat.outOfMemory !== 'clearing') return true;
    for (const other of this.launcher.idle()) this.launcher.evict(other, seat.modelId);
    const leaving = this.#seats()
      .filter((other) => other.activity === 'stopping')
      .map((one) => one.modelId);
    if (leaving.length === 0) {
      seat.outOfMemory = 'retried';
      return true;
    }
    const wait = { decision: 'wait', why: 'stopping', lacks: 'memory', close: [], wakeAtMs: null } as const;
    seat.admission = { ...wait, for: leaving, leaving };
    return false;
  }

  /** Whether a failure stands in the way of a start; refuses those for whom it does. */
  #mayStart(seat: Seat, nowMs: number): boolean {
    const fault = this.failureOf(seat, nowMs);
    if (fault) this.launcher.refuseAll(seat, fault);
    const { state } = seat;
    if (state.phase !== 'failed' || seat.isForced) return true;
    if (this.#hasNewFile(seat)) {
      seat.isForced = true;
      return true;
    }
    if (state.retryAtMs === null) seat.wish = null;
    else if (nowMs < state.retryAtMs) this.#alarm.by(state.retryAtMs);
    return state.retryAtMs !== null && nowMs >= state.retryAtMs;
  }

  /** The Fault with which a failed model refuses requests now; null when they may wait or it has not failed. */
  failureOf(seat: Seat, nowMs: number): Fault | null {
    const { state } = seat;
    if (state.phase !== 'failed' || seat.isForced) return null;
    if (this.#hasNewFile(seat)) return null;
    if (state.retryAtMs === null) return refusals.loadFailed(seat.modelId, state.report, null);
    const leftMs = state.retryAtMs - nowMs;
    if (leftMs <= BACK_OFF_WAIT_MAX_MS) return null;
    return refusals.loadFailed(seat.modelId, state.report, Math.ceil(leftMs / 1000));
  }

  /** File or engines are others than those that failed: whatever was wrong with them, nobody knows of these. */
  #hasNewFile({ model, failedFileState }: Seat): boolean {
    return model !== null && this.#needs.fileStateOf(model) !== failedFileState;
  }

  #isNeedKnown(seat: Seat): boolean {
    try {
      seat.need = seat.model ? this.#needs.needOf(seat.model, seat.wantedOverrides) : null;
    } catch (cause) {
      const fault = refusals.needUnknown(seat.modelId, asFault(cause));
      this.launcher.refuseAll(seat, fault);
      this.#dropWish(seat, fault.message);
      return false;
    }
    return seat.need !== null;
  }

  #perform(seat: Seat, admission: Admission): void {
    // It is asked last, so what it is not given has been promised to nobody else.
    if (seat.isOnlyRenewed && (admission.decision !== 'start' || admission.leaving.length > 0)) {
      seat.wish = null;
      return;
    }
    seat.admission = admission;
    switch (admission.decision) {
      case 'start':
        for (const modelId of admission.evict) this.launcher.evict(this.launcher.seat(modelId), seat.modelId);
        if (admission.leaving.length === 0) this.launcher.start(seat);
        if (seat.load) this.#alarm.by(seat.load.askedAtMs + START_ANSWER_MAX_MS);
        return;
      case 'wait':
        for (const modelId of admission.close) this.launcher.seat(modelId).closedFor = seat.modelId;
        if (admission.wakeAtMs !== null) this.#alarm.by(admission.wakeAtMs);
        return;
      case 'refuse': {
        assert(seat.need !== null, 'a known need before a refusal');
        const fault = refusals.noMemory(seat.modelId, seat.need, {
          budgetBytes: this.#needs.budgetBytes(),
          ...admission,
        });
        this.launcher.refuseAll(seat, fault);
        this.#dropWish(seat, fault.message);
        return;
      }
      default:
        impossible(admission);
    }
  }

  #grant(seat: Seat): void {
    const { state } = seat;
    if (state.phase !== 'ready' || seat.activity !== 'ready' || seat.closedFor !== null) return;
    for (let waiter = seat.takeNext(state.slots); waiter; waiter = seat.takeNext(state.slots)) {
      const { isBrief } = waiter;
      const onDispose = (ended: HeldLease) => this.#returned(seat, ended);
      const onAnswer = (by: HeldLease, status: number) => seat.noteAnswer(by, status) && this.settle();
      const lease = new HeldLease({ modelId: seat.modelId, state, isBrief, onDispose, onAnswer });
      seat.held.add(lease);
      waiter.admit(lease);
    }
  }

  #returned(seat: Seat, lease: HeldLease): void {
    // A lease whose process has ended is no longer held, so it cannot lower its successor's count.
    if (!seat.held.delete(lease)) return;
    seat.idleSinceMs = this.#needs.clock.monotonicMs();
    seat.lastUsedAtMs = this.#needs.clock.wallMs();
    this.settle();
  }

  #cool(seat: Seat, settings: Settings, nowMs: number): void {
    if (seat.activity !== 'ready') return;
    const idleMs = seat.model && !seat.isExternal ? cooldownMs(seat.model.config, settings, seat.keepAlive) : null;
    seat.staysMs = idleMs;
    if (seat.held.size > 0 || seat.waiters.length > 0) return;
    if (seat.model === null) {
      this.launcher.stop(seat, 'user');
      return;
    }
    if (!seat.isExternal) this.#renew(seat, settings, nowMs);
    if (idleMs === null || seat.activity !== 'ready') return;
    seat.unloadAtMs = seat.idleSinceMs + idleMs;
    if (nowMs >= seat.unloadAtMs) this.launcher.stop(seat, 'cooldown');
    else this.#alarm.by(seat.unloadAtMs);
  }

  /** Starts an idle model anew whose engine has grown. */
  #renew(seat: Seat, settings: Settings, nowMs: number): void {
    const grown = seat.grown(this.launcher.ledger.of(seat.modelId));
    const atMs = renewalAtMs(grown, settings);
    if (atMs === null || nowMs < atMs) {
      if (atMs !== null) this.#alarm.by(atMs);
      return;
    }
    seat.renewedAtMs = nowMs;
    this.#needs.bus.publish(refusals.renewed(seat.modelId, growthOf(grown, settings)));
    this.launcher.stop(seat, 'growth');
  }

  #dropWish(seat: Seat, text: string): void {
    if (seat.wish === null) return;
    seat.wish = null;
    this.#needs.bus.publish({ type: 'notice', tone: 'warning', text });
  }

  #windDown(closing: Closing, nowMs: number): void {
    const isOver = nowMs >= closing.deadlineMs;
    for (const seat of this.#seats()) {
      this.launcher.refuseAll(seat, refusals.shuttingDown());
      seat.wish = null;
      if (isOver || seat.held.size === 0) this.launcher.stop(seat, 'shutdown');
    }
    const areGone = this.#seats().every((seat) => seat.activity === 'absent');
    if (areGone || nowMs >= closing.giveUpAtMs) for (const tell of closing.whenGone.splice(0)) tell();
    else this.#alarm.by(isOver ? closing.giveUpAtMs : closing.deadlineMs);
  }

  #seats(): readonly Seat[] {
    return [...this.launcher.seats.values()];
  }

  #occupants(nowMs: number): readonly Occupant[] {
    const held = this.launcher.ledger
      .entries()
      .map(({ modelId, footprint }) => this.launcher.seat(modelId).occupant(footprint.totalBytes, nowMs));
    return [...held, ...(this.#needs.guests?.() ?? [])];
  }

  #terms(settings: Settings, nowMs: number) {
    const rules = {
      residencyMs: settings.min_residency_seconds * 1000,
      starvationMs: settings.starvation_seconds * 1000,
    };
    const { mlx_processes_max: mlxProcessesMax } = settings;
    return { budgetBytes: this.#needs.budgetBytes(), mlxProcessesMax, nowMs, rules };
  }
}

/** What the policies are asked for a model that does not run. */
function wantOf(seat: Seat, bytes: number, sinceMs: number): Want {
  return { modelId: seat.modelId, bytes, mlxProcesses: seat.mlxProcesses, sinceMs };
}
