/**
 * Looks at a model's files before an engine is started for them: cheap, and its sentences are better than a crash's.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { statOrNull } from '#src/models/file-look.ts';
import type { Model } from '#src/models/model.ts';
import type { CrashKind, CrashReport } from './engine.ts';

/** Magic, version, and the two counts: nothing shorter is a GGUF file. */
const GGUF_HEADER_BYTES = 24;
/** The architecture is the first key of every file in practice; this is plenty to find it. */
const HEAD_BYTES = 4096;

type Finding = { readonly kind: CrashKind; readonly message: string; readonly hint: string };

/** Why an engine could not load this model's files, or null when they look right. Reads a few bytes of each shard. */
export function precheck(model: Model): CrashReport | null {
  if (model.format !== 'gguf') return null;
  for (const path of shardPaths(model.path)) {
    const finding = checkFile(path, model);
    if (finding) return { ...finding, isSticky: true, exitCode: null, signal: null, tail: [] };
  }
  return null;
}

/** The paths of all shards when the name says `…-00001-of-00003.gguf`, else the path alone. */
export function shardPaths(path: string): string[] {
  const match = /^(.*-)\d{5}-of-(\d{5})(\.gguf)$/i.exec(path);
  if (!match) return [path];
  const [, prefix = '', total = '', suffix = ''] = match;
  return Array.from({ length: Number(total) }, (_, index) => {
    return `${prefix}${String(index + 1).padStart(5, '0')}-of-${total}${suffix}`;
  });
}

/** What the file says its architecture is, for example `llama`; null when that cannot be read. */
export function architectureOf(path: string): string | null {
  const head = readHead(path);
  if (typeof head === 'string') return null;
  const key = 'general.architecture';
  const at = head.indexOf(key);
  const typeAt = at + key.length;
  if (at === -1 || typeAt + 12 > head.length || head.readUInt32LE(typeAt) !== 8) return null;
  const length = Number(head.readBigUInt64LE(typeAt + 4));
  const name = head.toString('utf8', typeAt + 12, typeAt + 12 + length);
  return /^[a-z0-9._-]{1,64}$/i.test(name) ? name : null;
}

function checkFile(path: string, model: Model): Finding | null {
  const stats = statOrNull(path);
  const again = model.isManaged ? 'Download the model again.' : 'Put the file back, or remove the model from the list.';
  if (!stats) return { kind: 'missing-file', message: `The file of ${model.id} is gone: ${path}.`, hint: again };
  if (!stats.isFile()) {
    return { kind: 'corrupt-file', message: `${path} is not a regular file.`, hint: 'Register the GGUF file itself.' };
  }
  const head = readHead(path);
  if (typeof head === 'string') {
    const hint = 'Check who may read the file and the folders above it.';
    return { kind: 'missing-file', message: `Flow may not read ${path} (${head}).`, hint };
  }
  const damaged = (what: string): Finding => ({ kind: 'corrupt-file', message: `${path} ${what}.`, hint: again });
  if (stats.size === 0) return damaged('is empty (0 bytes)');
  if (/^\s*<(!doctype|html)/i.test(head.toString('latin1', 0, 64))) {
    return damaged('is a web page, not a model: the download was answered by an error page');
  }
  if (head.toString('latin1', 0, 4) !== 'GGUF') return damaged('is not a GGUF file: it does not begin with "GGUF"');
  if (stats.size <= GGUF_HEADER_BYTES) return damaged(`is only ${stats.size} bytes long, less than a GGUF header`);
  return null;
}

/** The first bytes, or the code of what kept us from reading them. */
function readHead(path: string): Buffer | string {
  try {
    const file = openSync(path, 'r');
    try {
      const buffer = Buffer.alloc(HEAD_BYTES);
      return buffer.subarray(0, readSync(file, buffer, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
  }
}
