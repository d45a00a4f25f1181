/** @jsxImportSource @kitajs/html */
/** A word about a thing: its format, what it can do. Never a state; for those see `Badge`. */

/** `format` for MLX and GGUF, `fact` for all else. */
export function Tag({ word, kind = 'fact' }: { word: string; kind?: 'fact' | 'format' }): JSX.Element {
  return (
    <span class="tag" data-kind={kind} safe>
      {word}
    </span>
  );
}
