/** @jsxImportSource @kitajs/html */
/** Asks for an API key, once. */

export type LoginPageProps = { readonly next: string; readonly trouble: string | null };

export function LoginPage({ next, trouble }: LoginPageProps): JSX.Element {
  return (
    <form class="login card" method="post" action="/login">
      <h1 class="card__title">This Flow needs an API key</h1>
      {trouble === null ? (
        ''
      ) : (
        <p class="login__trouble" role="alert" safe>
          {trouble}
        </p>
      )}
      <p class="login__hint">
        The one that Flow was started with, or one that may read or manage. On the machine that runs Flow,{' '}
        <code>flow keys create NAME --scope manage</code> makes one.
      </p>
      <input type="hidden" name="next" value={next} />
      <label class="field">
        <span class="field__label">API key</span>
        <input class="field__input" type="password" name="key" required autocomplete="current-password" autofocus />
      </label>
      <button class="button button--primary" type="submit">
        Sign in
      </button>
    </form>
  );
}
