/** Who may end a request, and the watch over its silence. */
import { Fault } from '#src/faults.ts';
import type { Outcome, Ticket } from '#src/requests/request.ts';
import type { Outlet } from '#src/stream/outlet.ts';
import { BEAT_MS, type Beating } from '#src/stream/pulse.ts';

/** Silence before a client is sent a sign of life: agents give up after 60 to 300 s. */
const HEARTBEAT_BEATS = 5_000 / BEAT_MS;
/** A prompt of a million tokens shows progress; an engine that shows none for so long hangs. */
const PREFILL_SILENCE_BEATS = 600_000 / BEAT_MS;
/** Of one that never shows any; on a slow machine a long prompt takes so long. */
const UNSEEN_PREFILL_BEATS = 1_800_000 / BEAT_MS;
const TOKEN_SILENCE_BEATS = 120_000 / BEAT_MS;
/** Time between two questions to an engine that gives no sign by itself. */
const EXAMINATION_BEATS = 30_000 / BEAT_MS;
/** A client that takes nothing for so long holds a slot for nobody. */
const STALLED_BEATS = 600_000 / BEAT_MS;

/** Why a request ended before its answer did. */
export type EndedBy = 'client' | 'user' | Fault;

/**
 * One request from its arrival to its end. It is ended early by the client's connection, by a user, or by silence; the
 * first wins. `signal` then closes the engine's socket, whatever is awaited at the moment.
 */
export class Life implements Beating {
  #isListening = false;
  readonly #controller = new AbortController();
  readonly #ticket: Ticket;
  readonly #clientSignal: AbortSignal;
  readonly #heartbeat: string;
  #outlet: Outlet | null = null;
  #endedBy: EndedBy | null = null;
  #silentBeats = 0;
  #quietBeats = 0;
  #stalledBeats = 0;
  #hasTokens = false;
  #hasSpoken = false;
  #examine: (() => Promise<boolean>) | null = null;
  #isExamining = false;
  #prefillBeats = PREFILL_SILENCE_BEATS;

  constructor(options: { ticket: Ticket; clientSignal: AbortSignal; heartbeat: string }) {
    this.#ticket = options.ticket;
    this.#clientSignal = options.clientSignal;
    this.#heartbeat = options.heartbeat;
    options.clientSignal.addEventListener('abort', this.#onClient);
    options.ticket.signal.addEventListener('abort', this.#onUser);
    if (options.clientSignal.aborted) this.end('client');
    if (options.ticket.signal.aborted) this.end('user');
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get endedBy(): EndedBy | null {
    return this.#endedBy;
  }

  /** From now on a silent client gets heartbeats. */
  committed(outlet: Outlet): void {
    this.#outlet = outlet;
  }

  /** The engine has been asked: from now on its silence is counted. */
  listen(): void {
    this.#isListening = true;
    this.heard(false);
  }

  /** This engine says nothing while it reads a prompt, so its silence means less. */
  bePatient(): void {
    this.#prefillBeats = UNSEEN_PREFILL_BEATS;
  }

  /** The answer shows no sign of life before it is whole; `isWorking` asks for one. It may reject. */
  examineBy(isWorking: () => Promise<boolean>): void {
    this.#examine = isWorking;
  }

  /** The engine has said all; it may be silent. */
  rest(): void {
    this.#isListening = false;
  }

  /** The engine said something; `hasTokens` once it is past the prompt. */
  heard(hasTokens: boolean): void {
    this.#silentBeats = 0;
    this.#hasTokens = hasTokens;
  }

  /** The client was sent something. */
  spoke(): void {
    this.#quietBeats = 0;
    this.#hasSpoken = true;
  }

  /** A first heartbeat, if nothing was sent yet: a head leaves with its body's first byte, not before (measured). */
  breakSilence(): void {
    if (!this.#hasSpoken && !this.#endedBy) this.#outlet?.write(this.#heartbeat);
    this.spoke();
  }

  beat(): void {
    if (this.#outlet?.isStalled) {
      // A slow client keeps the engine waiting, not the other way round.
      this.#stalledBeats += 1;
      if (this.#stalledBeats >= STALLED_BEATS) this.end('client');
      return;
    }
    this.#stalledBeats = 0;
    this.#watch();
    this.#quietBeats += 1;
    if (this.#quietBeats < HEARTBEAT_BEATS || !this.#outlet || this.#endedBy) return;
    this.#quietBeats = 0;
    this.#outlet.write(this.#heartbeat);
  }

  /** Ends it early; only the first call counts. */
  end(by: EndedBy): void {
    if (this.#endedBy) return;
    this.#endedBy = by;
    this.#controller.abort();
  }

  /** Lets go of the signals it listens to. */
  over(): void {
    this.#clientSignal.removeEventListener('abort', this.#onClient);
    this.#ticket.signal.removeEventListener('abort', this.#onUser);
  }

  /** What to tell whoever still listens, and the records, when `fault` was caught. */
  verdict(fault: Fault): { readonly fault: Fault; readonly outcome: Outcome } {
    const by = this.#endedBy;
    if (by === null) return { fault, outcome: { kind: 'failed', fault } };
    if (by instanceof Fault) return { fault: by, outcome: { kind: 'failed', fault: by } };
    const words = by === 'user' ? 'A user of Flow cancelled this request.' : 'The client went away.';
    return { fault: new Fault('cancelled', words), outcome: { kind: 'cancelled', by } };
  }

  readonly #onClient = () => this.end('client');
  readonly #onUser = () => this.end('user');

  #watch(): void {
    if (!this.#isListening) return;
    this.#silentBeats += 1;
    if (this.#examine && this.#silentBeats % EXAMINATION_BEATS === 0) void this.#examined(this.#examine);
    const limit = this.#hasTokens ? TOKEN_SILENCE_BEATS : this.#prefillBeats;
    if (this.#silentBeats < limit) return;
    const phase = this.#hasTokens || this.#examine ? 'while it answered' : 'while it read the prompt';
    const message = `The engine gave no sign of life for ${(limit * BEAT_MS) / 1000} s ${phase}.`;
    this.end(new Fault('engine-silent', message, { hint: 'See its log; unloading the model starts it afresh.' }));
  }

  /** One question at a time. */
  async #examined(isWorking: () => Promise<boolean>): Promise<void> {
    if (this.#isExamining) return;
    this.#isExamining = true;
    // A question that comes to nothing is no sign of life.
    const hasSign = await isWorking().catch(() => false);
    this.#isExamining = false;
    if (hasSign) this.heard(this.#hasTokens);
  }
}
