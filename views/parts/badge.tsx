/** @jsxImportSource @kitajs/html */
/** A state: icon, word and colour together, so that none of them must be seen to know it. */
import { Icon, type IconName } from './icon.tsx';

/** What a state means; the colour follows from it. */
export type Tone = 'quiet' | 'live' | 'waiting' | 'danger';

export function Badge({ icon, word, tone }: { icon: IconName; word: string; tone: Tone }): JSX.Element {
  return (
    <span class="badge" data-tone={tone}>
      <Icon name={icon} />
      <span class="badge__word" safe>
        {word}
      </span>
    </span>
  );
}
