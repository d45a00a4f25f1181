/** Reads what a line of an MLX server's output tells. */
import type { LogSignal } from '#src/engines/engine.ts';

/** mlx-openai-server colours its lines, asked or not. */
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
const LOAD_BEGINS =
  /Starting httpd at |(?:INFO - |\s)Loading model: |Pre-loading language model: |Spawned handler process for /;
/** Uvicorn listens once the model is loaded; mlx_lm never says it. */
const READY = /Uvicorn running on |Handler process for '.*' is ready/;
/** The process lives on and serves nobody: mlx_lm's loading thread has died, or its port was taken. */
const BROKEN = /generation thread died|^OSError: \[Errno \d+\] Address already in use/;

/** The signal in a line, or null for the many that only people read. */
export function readMlxLog(line: string): LogSignal | null {
  const text = line.includes('\u001b') ? line.replace(COLOURS, '') : line;
  if (BROKEN.test(text)) return { kind: 'broken' };
  if (LOAD_BEGINS.test(text)) return { kind: 'load-progress', stage: 'text_model', ratio: 0 };
  return READY.test(text) ? { kind: 'ready' } : null;
}
