/** Why something waits, as a sentence fragment for a row. */
import type { Wait } from '#src/scheduling/lease.ts';
import { durationText, percentText, pluralText } from '../parts/quantity.tsx';

/** The reason of a wait in words; models are called as the wait calls them. */
export function waitWords(wait: Wait): string {
  switch (wait.reason) {
    case 'loading': {
      const usual = wait.usualMs === null ? '' : `, usually ${durationText(wait.usualMs / 1000)}`;
      return wait.ratio === null
        ? `its model loads (${stageWords(wait.stage)})${usual}`
        : `its model loads, ${percentText(wait.ratio)}${usual}`;
    }
    case 'slots':
      return `place ${wait.place}: all ${pluralText(wait.busy, 'slot')} busy`;
    case 'memory':
      return wait.waitingFor.length === 0
        ? `place ${wait.place}: waiting for memory`
        : `place ${wait.place}: waiting for ${wait.waitingFor.join(', ')} to finish${beside(wait)}`;
    case 'turn':
      return `place ${wait.place}: ${wait.holder} goes first`;
    case 'stopping':
      return `place ${wait.place}: ${wait.modelId} is being unloaded`;
    case 'back-off':
      return `place ${wait.place}: its model is tried again`;
  }
}

/** What is waited for, when it is not memory. */
function beside({ lacks }: Extract<Wait, { reason: 'memory' }>): string {
  return lacks === 'mlx-process' ? ' (no more MLX models at a time)' : '';
}

/** An engine's stage of loading, readable: `text_model` becomes `text model`. */
export function stageWords(stage: string): string {
  return stage.replaceAll(/[_-]+/g, ' ');
}
