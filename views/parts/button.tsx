/** @jsxImportSource @kitajs/html */
/** A button that does one thing to the server. A form, so that it also works before and without any script. */
import { postsTo } from './posting.ts';

export type ActionProps = {
  /** Path that is posted to. */
  readonly action: string;
  /** Names and values that say what it is done to, and how. */
  readonly fields: Readonly<Record<string, string>>;
  readonly label: string;
  /** Read aloud instead of the label where the label alone does not say to what. */
  readonly description: string;
  readonly variant?: 'primary' | 'quiet' | 'danger';
  readonly isPressed?: boolean;
};

export function ActionButton({ action, fields, label, description, variant, isPressed }: ActionProps): JSX.Element {
  return (
    <form class="action" {...postsTo(action)}>
      {Object.entries(fields).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      <button
        class={['button', variant && `button--${variant}`]}
        type="submit"
        aria-label={description}
        {...(isPressed === undefined ? {} : { 'aria-pressed': isPressed ? 'true' : 'false' })}
        safe
      >
        {label}
      </button>
    </form>
  );
}
