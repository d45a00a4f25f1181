/** Whether a model's engine tells thoughts and answers apart by itself. Pure. */
import type { Model } from './model.ts';

/**
 * llama-server parses the thoughts of every template that it knows, unless the model's extra arguments forbid it; what
 * is given last counts. Of other engines nothing is known.
 */
export function splitsThoughts({ format, config }: Pick<Model, 'format' | 'config'>): boolean {
  if (format !== 'gguf') return false;
  const words = (config.launch.extra_args ?? []).flatMap((item) => {
    const at = item.startsWith('-') ? item.indexOf('=') : -1;
    return at < 0 ? [item] : [item.slice(0, at), item.slice(at + 1)];
  });
  let parsesAnswers = true;
  let parsesThoughts = true;
  for (const [at, word] of words.entries()) {
    const flag = word.replaceAll('_', '-');
    if (flag === '--skip-chat-parsing') parsesAnswers = false;
    else if (flag === '--no-skip-chat-parsing') parsesAnswers = true;
    else if (flag === '--reasoning-format') parsesThoughts = words[at + 1] !== 'none';
  }
  return parsesAnswers && parsesThoughts;
}
