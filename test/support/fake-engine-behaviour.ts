/**
 * How the fake engine is told to behave: at start by FAKE_ENGINE (or the file FAKE_ENGINE_FILE), per request by the
 * body's `fake` field.
 */
import { readFileSync } from 'node:fs';

/** Behaviour of one request. Unset fields mean a quick, correct answer of `tokens` tokens. */
export type FakeRequest = {
  /** Tokens to generate (default: the request's max_tokens, else 16). */
  readonly tokens?: number;
  /** 0 or unset = flat out. */
  readonly tokens_per_s?: number;
  /** Exact text of each token, instead of the built-in words; `tokens` defaults to their number, more repeat them. */
  readonly pieces?: readonly string[];
  /** Exact `delta` objects, one chunk each, instead of content. */
  readonly deltas?: readonly object[];
  /** Bytes to send verbatim instead of the whole event stream (or the whole JSON body when not streamed). */
  readonly raw?: string;
  /** `reasoning_content` tokens sent before the content. */
  readonly thinking?: readonly string[];
  readonly finish_reason?: string;
  readonly prefill_ms?: number;
  /** How many progress chunks during the prefill (default 4); sent only when the request has `return_progress`. */
  readonly prefill_steps?: number;
  readonly prompt_tokens?: number;
  readonly cached_tokens?: number;
  readonly hang_before_headers?: boolean;
  readonly hang_after_tokens?: number;
  readonly hang_in_prefill?: boolean;
  /** The process ends (code 1) after this many tokens; 0 = during the prefill, before any byte. */
  readonly crash_after_tokens?: number;
  readonly status?: number;
  /** Body of a `status` answer; a string is sent as text/html, an object as JSON. */
  readonly body?: string | object;
  /** The form of the event stream; `hugeline` puts 8 MB of an unknown field into the first line. */
  readonly sse?:
    | 'lf'
    | 'crlf'
    | 'cr'
    | 'comments'
    | 'multiline'
    | 'no_space'
    | 'fields'
    | 'bom'
    | 'hugeline'
    | 'no_done'
    | 'no_final_newline'
    | 'onebyte'
    | 'cut';
  /** Sends each byte of an emoji-laden text by itself. */
  readonly split_utf8?: boolean;
};

/** Behaviour of one process. */
export type FakeStart = {
  readonly ready_after_ms?: number;
  readonly never_ready?: boolean;
  /** Progress steps written on the tether during the load (default 4). */
  readonly load_steps?: number;
  /** A line on stderr every so many ms while loading. */
  readonly load_line_every_ms?: number;
  readonly exit?: {
    readonly code: number;
    readonly after_ms?: number;
    readonly after_ready_ms?: number;
    readonly stderr?: string;
    readonly signal?: 'SIGSEGV' | 'SIGKILL' | 'SIGABRT';
  };
  readonly ignore_term?: boolean;
  readonly ignore_eof?: boolean;
  /** Ignores the tether's exit command, as an engine without the protocol would. */
  readonly ignore_exit_command?: boolean;
  /** Never writes on the tether, as an engine without the protocol would. */
  readonly no_tether?: boolean;
  readonly fork_grandchild?: boolean;
  readonly log_flood_mb_per_s?: number;
  readonly log_flood_without_newlines?: boolean;
  /** One line of this many bytes on stderr at start. */
  readonly huge_line_bytes?: number;
  readonly slots?: number;
  readonly n_ctx?: number;
  readonly rss_mb?: number;
  readonly vision?: boolean;
  /** Every answer is HTTP/1.1 without a length and without chunking, cut after `tokens` events without a finish. */
  readonly close_delimited?: { readonly tokens: number };
  /** Defaults of each request. */
  readonly request?: FakeRequest;
  /** Differences by model: the key is the alias or the end of the model's path. */
  readonly models?: Readonly<Record<string, FakeStart>>;
};

/** What the fake does with the command line; flags it does not know are ignored. */
export type FakeArguments = {
  readonly host: string;
  readonly port: number;
  readonly model: string;
  readonly alias: string;
  readonly contextTokens: number;
  readonly parallel: number;
  readonly kvUnified: boolean;
  readonly wantsVersion: boolean;
};

/** Reads llama-server's command line. */
export function readArguments(argv: readonly string[]): FakeArguments {
  const flag = (...names: string[]): string | null => {
    const at = argv.findLastIndex((argument) => names.includes(argument));
    return at >= 0 ? (argv[at + 1] ?? null) : null;
  };
  const model = flag('-m', '--model') ?? 'fake.gguf';
  return {
    host: flag('--host') ?? '127.0.0.1',
    port: Number(flag('--port') ?? 8080),
    model,
    alias: flag('-a', '--alias') ?? model,
    contextTokens: Number(flag('-c', '--ctx-size') ?? 4096),
    parallel: Number(flag('-np', '--parallel') ?? 4),
    kvUnified: argv.includes('--kv-unified') || argv.includes('-kvu'),
    wantsVersion: argv.includes('--version'),
  };
}

/** The behaviour of this start. */
export function readBehaviour(environment: NodeJS.ProcessEnv, call: FakeArguments): FakeStart {
  const file = environment.FAKE_ENGINE_FILE;
  const text = environment.FAKE_ENGINE ?? (file ? readFileSync(file, 'utf8') : '{}');
  const start: FakeStart = JSON.parse(text);
  for (const [name, difference] of Object.entries(start.models ?? {})) {
    if (call.alias === name || call.model.endsWith(name)) return { ...start, ...difference };
  }
  return start;
}
