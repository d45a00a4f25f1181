/** Whether a model's engine tells thoughts and answers apart by itself. Pure. */
import type { EngineKind, Model } from './model.ts';

/**
 * mlx-lm and mlx-vlm see from the prompt whether a thought is open; mlx-openai-server splits what its parser knows.
 * Other servers are asked for their models' answers as people have set them up, which is taken for well done.
 */
export function splitsThoughts({ config }: Pick<Model, 'config'>, engine: EngineKind): boolean {
  if (engine === 'mlx-openai-server') return config.launch.mlx_reasoning_parser !== 'none';
  return engine !== 'llama.cpp' || llamaSplits(config);
}

/**
 * llama-server parses the thoughts of every template that it knows, unless the model's extra arguments forbid it; what
 * is given last counts.
 */
function llamaSplits(config: Model['config']): boolean {
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
