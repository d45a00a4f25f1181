/** Reads what models say of themselves while they are still at the hub: first bytes by Range, as few as will do. */
import { basename } from 'node:path';
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { factsOf } from '#src/gguf/facts.ts';
import { HEADER_BYTES_MAX, readHeader } from '#src/gguf/header.ts';
import type { JsonObject } from '#src/json.ts';
import { mlxFacts } from '#src/mlx/facts.ts';
import { CONFIG_NAME } from '#src/mlx/folder.ts';
import { CONFIG_BYTES_MAX, configIn } from '#src/mlx/read.ts';
import { readSafetensors, SAFETENSORS_HEADER_BYTES_MAX, type Tally } from '#src/mlx/safetensors.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { Deadline } from './deadline.ts';
import type { Hub, HubFileName } from './hub.ts';
import { readUpTo } from './hub-request.ts';
import type { MlxGroup } from './mlx-group.ts';
import { SharedAnswers } from './shared-answers.ts';

const FIRST_BYTES = 1 << 20;
const FIRST_MLX_BYTES = 128 << 10;
const NO_TEMPLATES = { templates: [], beginText: '', endText: '' };
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
    return this.#answers.get(key, signal, (asking) =>
      this.#read(file, sizeBytes, ggufSteps(basename(file.path)), asking),
    );
  }

  /**
   * The facts of an MLX model at a revision that does not move, from its configuration and the header of its first file
   * of weights; without its chat template. Throws as `factsOf` does.
   */
  mlxFactsOf(
    { repository, revision }: Omit<HubFileName, 'path'>,
    { files, weights }: MlxGroup,
    edition: string,
    signal: AbortSignal,
  ): Promise<ModelFacts> {
    const key = JSON.stringify([edition, repository, revision, 'mlx']);
    return this.#answers.get(key, signal, async (asking) => {
      const config = files.find(({ path }) => path === CONFIG_NAME);
      const [first] = weights;
      if (!config || !first) throw new Fault('not-found', `${repository} has no MLX model.`);
      if (config.sizeBytes > CONFIG_BYTES_MAX) {
        throw new Fault('unprocessable', `${CONFIG_NAME} is larger than any real one.`);
      }
      const [said, tally] = await Promise.all([
        this.#read({ repository, revision, path: config.path }, config.sizeBytes, CONFIG_STEPS, asking),
        this.#read({ repository, revision, path: first.path }, first.sizeBytes, WEIGHTS_STEPS, asking),
      ]);
      return mlxFacts({ config: said, tally, templates: NO_TEMPLATES, names: files.map(({ path }) => path) });
    });
  }

  async #read<Said>(
    file: HubFileName,
    sizeBytes: number,
    { firstBytes, bytesMax, step: read }: Steps<Said>,
    signal: AbortSignal,
  ): Promise<Said> {
    using deadline = new Deadline(this.#clock, READING_MS_MAX, signal);
    let held = Buffer.alloc(0);
    let etag: string | null = null;
    try {
      for (let wanted = firstBytes; ; ) {
        const part = await this.#part(file, held.length, Math.min(wanted, sizeBytes), deadline.signal);
        if (part.totalBytes !== null && part.totalBytes !== sizeBytes) throw changed(file);
        if (held.length > 0 && part.etag !== etag) throw changed(file);
        etag = part.etag;
        held = Buffer.concat([held, part.bytes]);
        const step = read(held, sizeBytes);
        if (step.kind === 'said') return step.said;
        wanted = Math.min(Math.max(step.bytes, wanted * 2), bytesMax);
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

/** How a file's beginning is read: what it says, or how many bytes are needed for that. */
type Steps<Said> = {
  readonly firstBytes: number;
  readonly bytesMax: number;
  readonly step: (
    held: Buffer,
    sizeBytes: number,
  ) => { readonly kind: 'said'; readonly said: Said } | { readonly kind: 'more'; readonly bytes: number };
};

function ggufSteps(fileName: string): Steps<ModelFacts> {
  return {
    firstBytes: FIRST_BYTES,
    bytesMax: HEADER_BYTES_MAX,
    step: (held, sizeBytes) => {
      const step = readHeader(held, sizeBytes);
      if (step.kind !== 'header') return { kind: 'more', bytes: step.bytes };
      // A template may have 16 MB, and nobody asks for it here.
      return { kind: 'said', said: { ...factsOf(step.header, fileName), chatTemplate: null } };
    },
  };
}

const CONFIG_STEPS: Steps<JsonObject> = {
  firstBytes: CONFIG_BYTES_MAX,
  bytesMax: CONFIG_BYTES_MAX,
  step: (held) => ({ kind: 'said', said: configIn(held) }),
};

const WEIGHTS_STEPS: Steps<Tally> = {
  firstBytes: FIRST_MLX_BYTES,
  bytesMax: SAFETENSORS_HEADER_BYTES_MAX + 8,
  step: (held, sizeBytes) => {
    const step = readSafetensors(held, sizeBytes);
    return step.kind === 'header' ? { kind: 'said', said: step.tally } : step;
  },
};

function changed({ path }: HubFileName): Fault {
  return new Fault('hub-broken', `${basename(path)} was changed while it was looked at.`, { hint: 'Look again.' });
}
