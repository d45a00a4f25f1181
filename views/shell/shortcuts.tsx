/** @jsxImportSource @kitajs/html */
/** The keys that do things, listed. */

const KEYS: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  { keys: ['Ctrl', 'K'], does: 'Find a page, a model, a setting or an action (⌘K on a Mac)' },
  { keys: ['g', 'm'], does: 'Go to the Monitor' },
  { keys: ['g', 'o'], does: 'Go to Models' },
  { keys: ['g', 'c'], does: 'Go to Chat' },
  { keys: ['g', 't'], does: 'Go to Telemetry' },
  { keys: ['g', 'l'], does: 'Go to Logs' },
  { keys: ['g', 's'], does: 'Go to Settings' },
  { keys: ['/'], does: 'Filter what is on the page' },
  { keys: ['j', 'k'], does: 'On the Monitor: the next request, the one before; Enter opens it' },
  { keys: ['x', 'x'], does: 'On the Monitor: cancel that request' },
  { keys: ['f'], does: 'On the Monitor: full screen' },
  { keys: ['?'], does: 'Show these keys' },
  { keys: ['Esc'], does: 'Close what is open' },
];

export function Shortcuts(): JSX.Element {
  return (
    <dialog class="dialog shortcuts" id="shortcuts" aria-labelledby="shortcuts-title">
      <header class="drawer__head">
        <h2 class="drawer__title" id="shortcuts-title">
          Keys
        </h2>
        <button class="button button--quiet" type="button" data-closes="shortcuts">
          Close
        </button>
      </header>
      <dl class="shortcuts__list">
        {KEYS.map(({ keys, does }) => (
          <>
            <dt>
              {keys.map((key) => (
                <kbd safe>{key}</kbd>
              ))}
            </dt>
            <dd safe>{does}</dd>
          </>
        ))}
      </dl>
      <p class="shortcuts__switch" x-data="singleKeys">
        <button class="button" type="button" x-on:click="toggle" x-text="label">
          Single keys: on
        </button>
      </p>
    </dialog>
  );
}
