/** @jsxImportSource @kitajs/html */
/** Ways back from what was done on the page at large. */
import { ActionButton } from '#views/parts/button.tsx';
import { postsTo } from '#views/parts/posting.ts';
import { transferId } from './about.tsx';

/** Takes an import back; the text holds the former values. */
export function ImportUndo({ text }: { text: string }): JSX.Element {
  return (
    <form class="action" {...postsTo('/settings/import', { target: transferId })}>
      <input type="hidden" name="text" value={text} />
      <button class="button" type="submit" aria-label="Undo the import">
        Undo
      </button>
    </form>
  );
}

/** Uses the engine again that was used before. */
export function EngineUndo({ kind, id }: { kind: string; id: string }): JSX.Element {
  return (
    <ActionButton
      action="/settings/engines/choose"
      fields={{ kind, id }}
      label="Undo"
      description={`Undo: use ${kind} ${id} again`}
    />
  );
}
