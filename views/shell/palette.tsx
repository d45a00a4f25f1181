/** @jsxImportSource @kitajs/html */
/** The palette: one field from which every page, model and action is a few letters away. */
import { Icon, type IconName } from '../parts/icon.tsx';
import { postsTo } from '../parts/posting.ts';

/** Something that can be done from anywhere. */
export type Command = {
  readonly title: string;
  /** Where it leads or what it will do; may be empty. */
  readonly hint: string;
  /** Other words that somebody may look for it by, in small letters; may be empty. */
  readonly words: string;
  readonly icon: IconName;
  readonly does:
    | { readonly kind: 'go'; readonly href: string }
    /** What the page does by itself: an attribute that its scripts know. */
    | { readonly kind: 'do'; readonly name: 'data-opens' | 'data-theme-to'; readonly value: string }
    | { readonly kind: 'post'; readonly action: string; readonly fields: Readonly<Record<string, string>> };
};

export const paletteResultsId = 'palette-results';

export function Palette(): JSX.Element {
  return (
    <dialog class="dialog palette" id="palette" aria-label="Find and do">
      <input
        class="palette__field"
        type="text"
        name="q"
        role="combobox"
        aria-expanded="true"
        aria-controls={paletteResultsId}
        aria-label="Find a page, a model, a setting or an action"
        placeholder="Find a page, a model, a setting or an action"
        autocomplete="off"
        spellcheck="false"
        hx-get="/palette"
        hx-trigger="input changed delay:60ms, palette-open"
        hx-sync="this:replace"
        hx-target={`#${paletteResultsId}`}
        hx-swap="innerHTML"
      />
      <div class="palette__results" id={paletteResultsId} role="listbox" aria-label="What was found" />
    </dialog>
  );
}

export function PaletteResults({ commands }: { commands: readonly Command[] }): JSX.Element {
  if (commands.length === 0) {
    return (
      <div class="palette__none" role="option" aria-disabled="true" aria-selected="false" tabindex="-1">
        Nothing of that name.
      </div>
    );
  }
  return (
    <>
      {commands.map((command, index) => (
        <div
          class="palette__one"
          id={`palette-${index}`}
          role="option"
          tabindex="-1"
          aria-selected="false"
          data-entry=""
          {...deed(command)}
        >
          <Words command={command} />
        </div>
      ))}
    </>
  );
}

/** An option may hold no link or button, so it carries what it does; `public/js/palette.js` follows `data-href`. */
function deed({ does }: Command): Readonly<Record<string, string>> {
  if (does.kind === 'go') return { 'data-href': does.href };
  if (does.kind === 'do') return { [does.name]: does.value };
  const { method: _method, action: _action, ...posting } = postsTo(does.action);
  return { ...posting, 'hx-trigger': 'click', 'hx-vals': JSON.stringify(does.fields) };
}

function Words({ command }: { command: Command }): JSX.Element {
  return (
    <>
      <Icon name={command.icon} />
      <span class="palette__title" safe>
        {command.title}
      </span>
      <span class="palette__hint" safe>
        {command.hint}
      </span>
    </>
  );
}
