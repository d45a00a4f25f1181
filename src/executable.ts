/**
 * Where the single-file executable begins (`bun run build`). It is Flow; for Flow's own use it is also the process that
 * renders strangers' templates, which loads nothing of the rest.
 */
import { RENDER_WORD } from './templates/render-command.ts';

if (process.argv[2] === RENDER_WORD && process.send) await import('./templates/render-process.ts');
else await import('./main.ts');
