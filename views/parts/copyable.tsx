/** @jsxImportSource @kitajs/html */
/** Text to take away: shown as it is, with a button that copies it. */

export function Copyable({ text, label }: { text: string; label: string }): JSX.Element {
  return (
    <div class="copyable" x-data="copying">
      <pre class="copyable__text">
        <code x-ref="code" safe>
          {text}
        </code>
      </pre>
      <button class="button" type="button" x-on:click="copy" x-text="word" aria-label={`Copy: ${label}`}>
        Copy
      </button>
    </div>
  );
}
