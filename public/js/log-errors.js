// Errors in the logs since this browser last looked at them. The server says how many there were since its start;
// what was seen is remembered here, so that two people each have their own number.
(() => {
  const KEY = 'flow.errors-seen';
  const SHOWN_MAX = 99;

  const place = document.getElementById('nav-hint-logs');
  if (!place) return;
  const isAtLogs = place.closest('a')?.hasAttribute('aria-current') ?? false;

  const remembered = () => {
    try {
      return JSON.parse(localStorage.getItem(KEY) ?? '') ?? {};
    } catch {
      return {};
    }
  };

  const show = () => {
    const hint = place.querySelector('[data-errors]');
    if (!hint) return;
    const { since, errors } = hint.dataset;
    if (isAtLogs && !document.hidden) localStorage.setItem(KEY, JSON.stringify({ since, errors: Number(errors) }));
    const seen = remembered();
    // Of another run of Flow nothing was seen yet.
    const unseen = Math.max(0, Number(errors) - (seen.since === since ? seen.errors : 0));
    const [number, words] = hint.children;
    number.textContent = unseen > SHOWN_MAX ? `${SHOWN_MAX}+` : String(unseen);
    words.textContent = `, ${unseen} ${unseen === 1 ? 'error' : 'errors'} since you looked`;
    hint.hidden = unseen === 0;
  };

  new MutationObserver(show).observe(place, { childList: true });
  // Another tab looked, or this one is looked at again.
  addEventListener('storage', show);
  document.addEventListener('visibilitychange', show);
})();
