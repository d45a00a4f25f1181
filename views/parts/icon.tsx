/** @jsxImportSource @kitajs/html */
/** Line icons from one sprite; decoration only, so a word always stands beside them. */

/** What the sprite holds. */
export type IconName =
  | 'flow'
  | 'monitor'
  | 'idle'
  | 'loading'
  | 'ready'
  | 'stopping'
  | 'failed'
  | 'queued'
  | 'prefilling'
  | 'generating'
  | 'done'
  | 'cancelled'
  | 'theme'
  | 'models'
  | 'chat'
  | 'telemetry'
  | 'logs'
  | 'settings'
  | 'search'
  | 'download'
  | 'pin';

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <use href={`/public/icons.svg#${name}`} />
    </svg>
  );
}
