/** Reads what a GGUF file says of itself while it is still at the hub: its first bytes by Range, as few as will do. */
import { basename } from 'node:path';
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { factsOf } from '#src/gguf/facts.ts';
import { HEADER_BYTES_MAX, readHeader } from '#src/gguf/header.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { Deadline } from './deadline.ts';
import type { Hub, HubFileName } from './hub.ts';
import { readUpTo } from './hub-request.ts';
import { SharedAnswers } from './shared-answers.ts';

const FIRST_BYTES = 1 << 20;
const READING_MS_MAX = 120_000;
const HEADER_AGE_MS_MAX = 3_600_000;

/** Reads headers, each content once within an hour. */
export class RemoteHeaders {
  readonly #hub: Hub;
  readonly #clock: Clock;
  readonly #answers: SharedAnswers<ModelFacts>;

  constructor(hub: Hub, clock: Clock) {
    this.#hub = hub;
    this.#clock = clock;
    this.#answers = new SharedAnswers(clock, HEADER_AGE_MS_MAX);
  }

  /**
   * The facts of a file of `sizeBytes`, at a revision that does not move; without its chat template. Throws what
   * `Hub.open` throws, and Fault('unprocessable') for what is no GGUF file or a hostile one.
   */
  factsOf(file: HubFileName, sizeBytes: number, edition: string, signal: AbortSignal): Promise<ModelFacts> {
    const key = JSON.stringify([edition, file, sizeBytes]);
    return this.#answers.get(key, signal, (asking) => this.#read(file, sizeBytes, asking));
  }

  async #read(file: HubFileName, sizeBytes: number, signal: AbortSignal): Promise<ModelFacts> {
    using deadline = new Deadline(this.#clock, READING_MS_MAX, signal);
    let held = Buffer.alloc(0);
    let etag: string | null = null;
    try {
      for (let wanted = FIRST_BYTES; ; ) {
        const part = await this.#part(file, held.length, Math.min(wanted, sizeBytes), deadline.signal);
        if (part.totalBytes !== null && part.totalBytes !== sizeBytes) throw changed(file);
        if (held.length > 0 && part.etag !== etag) throw changed(file);
        etag = part.etag;
        held = Buffer.concat([held, part.bytes]);
        const step = readHeader(held, sizeBytes);
        // A template may have 16 MB, and nobody asks for it here.
        if (step.kind === 'header') return { ...factsOf(step.header, basename(file.path)), chatTemplate: null };
        wanted = Math.min(Math.max(step.bytes, wanted * 2), HEADER_BYTES_MAX);
        if (held.length >= Math.min(wanted, sizeBytes))
          throw new Fault('unprocessable', `The header of ${basename(file.path)} has no end.`);
      }
    } catch (cause) {
      throw deadline.explain(cause, 'The hub');
    }
  }

  async #part(file: HubFileName, fromByte: number, toByte: number, signal: AbortSignal) {
    const {
      status,
      body,
      etag,
      totalBytes,
      fromByte: at,
    } = await this.#hub.open(file, { fromByte, toByte: toByte - 1 }, signal);
    // Sent from the beginning, what is held already comes again.
    const bytes = (await readUpTo(body, toByte - at)).subarray(fromByte - at);
    if (status === 416 || bytes.length < toByte - fromByte) {
      throw new Fault('hub-broken', `${basename(file.path)} ended before it was to.`);
    }
    return { bytes, etag, totalBytes };
  }
}

function changed({ path }: HubFileName): Fault {
  return new Fault('hub-broken', `${basename(path)} was changed while it was looked at.`, { hint: 'Look again.' });
}
