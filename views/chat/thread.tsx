/** @jsxImportSource @kitajs/html */
/** The shown branch of a conversation, turn by turn. */
import { Empty } from '../parts/empty.tsx';
import { postsTo } from '../parts/posting.ts';
import { chatThreadId } from './addresses.ts';
import { Side, Turn, type TurnData } from './turn.tsx';

/** One place of the branch: a turn, or two answers side by side. */
export type Place = readonly TurnData[];

/** What can be asked when nothing comes to mind. */
const STARTERS = [
  'Explain what a local LLM gateway does, in three sentences',
  'Write a Python function that finds duplicate files, with a short test',
  'Compare quantised models in a table: size, speed, quality',
] as const;

export function Thread({ places }: { places: readonly Place[] }): JSX.Element {
  return (
    <ol class="thread" id={chatThreadId} aria-label="Conversation">
      {places.map((place) => (
        <li class="thread__place">
          {place.length > 1 ? (
            <Side>
              {place.map((turn) => (
                <Turn turn={turn} />
              ))}
            </Side>
          ) : (
            place.map((turn) => <Turn turn={turn} />)
          )}
        </li>
      ))}
    </ol>
  );
}

/** Nothing asked yet. */
export function Starters({ hasModels }: { hasModels: boolean }): JSX.Element {
  if (!hasModels) {
    return (
      <Empty title="No model to talk to yet.">
        <p>
          Add one under <a href="/models">Models</a>, then come back.
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="Ask anything: it stays on this machine.">
      <div class="starters">
        {STARTERS.map((text) => (
          <form {...postsTo('/chat/questions')}>
            <input type="hidden" name="text" value={text} />
            <button class="button starters__one" type="submit">
              {text}
            </button>
          </form>
        ))}
      </div>
    </Empty>
  );
}
