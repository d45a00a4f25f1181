/** Tells what a pass of the scheduler changed: events on the bus, and to each waiting request why it waits. */

import type { Bus } from '#src/events.ts';
import { asFault } from '#src/faults.ts';
import type { FleetModel } from './lease.ts';
import type { Ledger } from './ledger.ts';
import type { Seat } from './seat.ts';
import type { Waiter } from './waiter.ts';
import { waitAt } from './waits.ts';

/** Remembers what was told, so that only what differs is told again. One event a kind and model in each round. */
export class Announcer {
  readonly #bus: Bus;
  readonly #ledger: Ledger;
  #queueLength = 0;
  #memory = '';
  #isTelling = false;

  constructor({ bus, ledger }: { bus: Bus; ledger: Ledger }) {
    this.#bus = bus;
    this.#ledger = ledger;
  }

  /** Whether an event on the bus is of our own making. */
  get isTelling(): boolean {
    return this.#isTelling;
  }

  /** Publishes the differences. Listeners may call back into the fleet; that causes another round. */
  announce(seats: Iterable<Seat>, budgetBytes: number): void {
    const changed: Seat[] = [];
    const news: Waiter[] = [];
    let queueLength = 0;
    const memory: (number | null)[] = [budgetBytes, this.#ledger.reservedBytes];
    for (const seat of seats) {
      noteWaits(seat, news);
      queueLength += seat.waiters.length;
      memory.push(seat.measuredBytes);
      const view = seat.view(this.#ledger.of(seat.modelId));
      if (isSame(seat.shown, view)) continue;
      seat.shown = view;
      changed.push(seat);
    }
    const isQueueChanged = news.length > 0 || queueLength !== this.#queueLength;
    this.#queueLength = queueLength;
    this.#publish(changed, isQueueChanged, memory.join());
    for (const waiter of news) tellOrRefuse(waiter, seats);
  }

  #publish(changed: readonly Seat[], isQueueChanged: boolean, memory: string): void {
    this.#isTelling = true;
    try {
      for (const seat of changed) this.#bus.publish({ type: 'model-changed', modelId: seat.modelId });
      if (isQueueChanged) this.#bus.publish({ type: 'queue-changed' });
      if (memory !== this.#memory) this.#bus.publish({ type: 'memory-changed' });
    } finally {
      this.#memory = memory;
      this.#isTelling = false;
    }
  }
}

function noteWaits(seat: Seat, news: Waiter[]): void {
  if (seat.waiters.length === 0) return;
  const hold = {
    modelId: seat.modelId,
    state: seat.state,
    isStopping: seat.activity === 'stopping',
    isStarting: seat.activity === 'starting',
    closedFor: seat.closedFor,
    admission: seat.admission,
    busy: seat.slotsTaken,
    usualMs: seat.usualLoadMs,
    askedAtMs: seat.load?.askedAtMs ?? 0,
  };
  for (const isBrief of [false, true]) {
    for (const [index, waiter] of seat.waiters.inOrder({ isBrief }).entries()) {
      if (waiter.note(waitAt(index + 1, hold))) news.push(waiter);
    }
  }
}

/** A request whose listener throws cannot go on waiting; the others can. */
function tellOrRefuse(waiter: Waiter, seats: Iterable<Seat>): void {
  try {
    waiter.tell();
  } catch (cause) {
    for (const { waiters } of seats) waiters.leave(waiter);
    waiter.refuse(asFault(cause));
  }
}

function isSame(shown: FleetModel | null, view: FleetModel): boolean {
  return (
    shown !== null &&
    shown.state === view.state &&
    shown.inFlight === view.inFlight &&
    shown.waiting === view.waiting &&
    shown.unloadAtMs === view.unloadAtMs &&
    shown.staysMs === view.staysMs &&
    shown.isPinned === view.isPinned &&
    shown.reserved === view.reserved &&
    shown.measuredBytes === view.measuredBytes &&
    shown.usualLoadMs === view.usualLoadMs &&
    shown.isMisbehaving === view.isMisbehaving &&
    shown.lastUsedAtMs === view.lastUsedAtMs
  );
}
