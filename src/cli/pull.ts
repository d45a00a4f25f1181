/** `flow pull`: fetches a model, with all that belongs to it, and says how far it is. */
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type Command, type Context, EXIT, print } from './command.ts';
import { bytes, duration, ProgressBar, safe } from './terminal.ts';

const POLL_MS = 250;
/** A week: whoever watches a download for longer has forgotten it. */
const POLLS_MAX = (7 * 86_400_000) / POLL_MS;
/** A Flow that restarts is back by then; the download goes on by itself. */
const SILENT_POLLS_MAX = 120;

/** The command. Ctrl-C pauses, as users of other such programs expect: the same command goes on. */
export const pullCommand: Command = {
  name: 'pull',
  usage: 'REPO[:QUANT]',
  summary: 'Download a model: all its parts and its vision projector, checked; Ctrl-C pauses it',
  examples: [
    'flow pull ggml-org/gemma-3-4b-it-GGUF',
    'flow pull unsloth/Qwen3-8B-GGUF:Q5_K_M',
    'flow pull unsloth/Qwen3-8B-GGUF --detach       goes on in Flow; flow pull again to watch',
    'flow pull mlx-community/Qwen3-0.6B-4bit        a whole MLX repository',
  ],
  options: {
    file: { type: 'string' },
    revision: { type: 'string' },
    draft: { type: 'string' },
    'no-mmproj': { type: 'boolean' },
    detach: { type: 'boolean', short: 'd' },
  },
  positionals: [1, 1],
  async run(context) {
    const [wanted = ''] = context.positionals;
    const { api, flags, signal } = context;
    const [hub_id = '', quantization] = withoutHost(wanted).split(':', 2);
    const ordered = await order(api, {
      hf_id: hub_id,
      ...(quantization ? { quantization } : {}),
      ...(flags.file === undefined ? {} : { filename: flags.file }),
      ...(flags.revision === undefined ? {} : { revision: flags.revision }),
      ...(flags.draft === undefined ? {} : { draft: flags.draft }),
      ...(flags['no-mmproj'] === true ? { with_mmproj: false } : {}),
    });
    const id = stringOrNull(ordered.id) ?? '';
    if (flags.detach === true) {
      print(
        context,
        ordered,
        () => `${safe(stringOrNull(ordered.download_key) ?? wanted)} is being downloaded by Flow.\n`,
      );
      return EXIT.ok;
    }
    const last = await follow(context, id);
    if (last === null || signal.aborted) return interrupted(context, id, ordered.is_new === true, wanted);
    return ended(context, last, wanted);
  },
};

/** A hub that cannot be reached is a download that failed, not a missing engine. */
async function order(api: Context['api'], body: JsonObject): Promise<JsonObject> {
  try {
    return await api.json('POST', '/api/models/download', body);
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.kind !== 'offline') throw cause;
    throw new Fault('hub-broken', cause.message, {
      hint: cause.hint ?? 'Try again when the hub can be reached.',
      cause,
    });
  }
}

/** The address of a repository's page works as well as its name. */
function withoutHost(wanted: string): string {
  return wanted.replace(/^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\//, '').replace(/\/$/, '');
}

/** Shows the download until it is at an end; null when the user does not want to watch any longer. */
async function follow({ api, terminal, signal }: Context, id: string): Promise<JsonObject | null> {
  const bar = new ProgressBar(terminal);
  let silent = 0;
  try {
    for (let poll = 0; poll < POLLS_MAX && !signal.aborted; poll += 1) {
      const download = await look(api, id, () => {
        silent += 1;
        return silent < SILENT_POLLS_MAX;
      });
      if (download !== null) {
        silent = 0;
        if (!['queued', 'running', 'verifying', 'registering'].includes(stringOrNull(download.state) ?? ''))
          return download;
        bar.show(...progressOf(download));
      }
      await pausedBy(POLL_MS, signal);
    }
    return null;
  } finally {
    bar.end();
  }
}

/** Null while Flow does not answer, as long as that is worth waiting for. */
async function look(api: Context['api'], id: string, isWorthIt: () => boolean): Promise<JsonObject | null> {
  try {
    return await api.json('GET', `/api/downloads/${id}`);
  } catch (cause) {
    if (cause instanceof Fault || !isWorthIt()) throw cause;
    return null;
  }
}

function progressOf(download: JsonObject): [string, number | null] {
  const total = numberOrNull(download.total_bytes) ?? 0;
  const done = numberOrNull(download.bytes) ?? 0;
  const name = safe(stringOrNull(download.download_key) ?? '');
  const waiting = isObject(download.waiting) ? stringOrNull(download.waiting.message) : null;
  if (waiting !== null) return [`${name}: ${waiting} It goes on by itself.`, null];
  if (download.state === 'queued') return [`${name} waits for its turn`, null];
  if (download.state === 'registering') return [`${name} is being registered`, null];
  const checked = numberOrNull(download.checked_bytes);
  if (download.state === 'verifying') return [`${name} is being checked${checked ? `: ${bytes(checked)}` : ''}`, null];
  const speed = numberOrNull(download.bytes_per_second);
  const left = numberOrNull(download.eta_seconds);
  const pace = speed === null ? '' : `, ${bytes(speed)}/s${left === null ? '' : `, ${duration(left)} left`}`;
  return [`${name} ${bytes(done)} of ${bytes(total)}${pace}`, total === 0 ? null : done / total];
}

async function pausedBy(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(resolve, ms);
  await promise;
  clearTimeout(timer);
  // It is waited for four times a second, for hours.
  signal.removeEventListener('abort', onAbort);
}

/** What this command began it pauses; a download that others began is theirs. */
async function interrupted({ api, terminal }: Context, id: string, isOwn: boolean, wanted: string): Promise<number> {
  if (!isOwn) {
    terminal.say('The download was begun elsewhere, so it goes on in Flow.\n');
    return EXIT.interrupted;
  }
  const paused = await api.json('POST', `/api/downloads/${id}/pause`, {}).catch((cause) => asFault(cause));
  if (paused instanceof Fault) terminal.say(`${safe(paused.message)}\n`);
  else terminal.say(`Paused at ${numberOrNull(paused.progress) ?? 0} %. Go on with: flow pull ${safe(wanted)}\n`);
  return EXIT.interrupted;
}

function ended(context: Context, download: JsonObject, wanted: string): number {
  const key = safe(stringOrNull(download.download_key) ?? wanted);
  if (download.state === 'complete') {
    const model = stringOrNull(download.model_id);
    const note = stringOrNull(download.note);
    const last = model === null ? '' : `It is registered as ${safe(model)}. Try it: flow run ${safe(model)}\n`;
    print(context, download, () => `${key} is complete.\n${last}`);
    if (note !== null && !context.isJson) context.terminal.say(`${safe(note)}\n`);
    return EXIT.ok;
  }
  if (context.isJson) context.terminal.out(`${JSON.stringify(download, null, 2)}\n`);
  const reason: JsonObject = isObject(download.reason) ? download.reason : {};
  const words = stringOrNull(reason.message) ?? `The download was ${stringOrNull(download.state) ?? 'ended'}.`;
  const hint = stringOrNull(reason.hint);
  context.terminal.say(`${key}: ${safe(words)}\n${hint ? `${safe(hint)}\n` : ''}`);
  if (download.state !== 'cancelled') context.terminal.say(`Go on with: flow pull ${safe(wanted)}\n`);
  return codeOf(stringOrNull(reason.kind));
}

function codeOf(kind: string | null): number {
  if (kind === 'disk-full') return EXIT.diskFull;
  if (kind === 'user') return EXIT.busy;
  return kind?.startsWith('hub-token') || kind === 'hub-gated' ? EXIT.auth : EXIT.download;
}
