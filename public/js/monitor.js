// The Monitor: how far back its lines reach, walking through requests by keys, and the whole screen for it.

/** The address says how far back, else what the reader chose last. */
(() => {
  const KEY = 'flow.monitor-span';
  const choices = [...document.querySelectorAll('.spans__choice')];
  if (!new URLSearchParams(location.search).has('span')) {
    const chosen = choices.find(({ value }) => value === localStorage.getItem(KEY));
    if (chosen) chosen.checked = true;
  }
  document.addEventListener('change', ({ target }) => {
    if (!choices.includes(target)) return;
    localStorage.setItem(KEY, target.value);
    history.replaceState(history.state, '', `?span=${encodeURIComponent(target.value)}`);
  });
})();

/** Keys: j and k walk, x twice cancels, f fills the screen. */
(() => {
  const TYPED_IN = 'input:not([type=radio]), textarea, select, [contenteditable]';
  const root = document.documentElement;
  const filler = document.querySelector('[data-fills-screen]');

  const walk = (step) => {
    const links = [...document.querySelectorAll('[data-walked]')];
    const row = document.activeElement?.closest('.request');
    const at = links.indexOf(row?.querySelector('[data-walked]') ?? document.activeElement);
    const next = at === -1 ? (step > 0 ? 0 : links.length - 1) : at + step;
    (links[next] ?? links[at])?.focus();
    return links.length > 0;
  };

  // Twice, since it cuts somebody off: the first press goes to the button, the second presses it.
  const cancel = () => {
    const button = document.activeElement?.closest('.request')?.querySelector('.action button');
    if (!button) return false;
    if (document.activeElement === button) button.click();
    else button.focus();
    return true;
  };

  const isFilled = () => root.hasAttribute('data-filled');
  const fill = (isOn) => {
    root.toggleAttribute('data-filled', isOn);
    filler?.setAttribute('aria-pressed', String(isOn));
    // Where the browser refuses the screen, the page still fills its window.
    if (isOn) root.requestFullscreen?.().catch(() => {});
    else if (document.fullscreenElement) document.exitFullscreen();
    return true;
  };
  if (filler) filler.hidden = false;
  filler?.addEventListener('click', () => fill(!isFilled()));
  document.addEventListener('fullscreenchange', () => {
    if (!document.fullscreenElement && isFilled()) fill(false);
  });

  const actions = {
    j: () => walk(1),
    k: () => walk(-1),
    x: cancel,
    f: () => fill(!isFilled()),
    Escape: () => isFilled() && fill(false),
  };
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (event.target instanceof Element && event.target.closest(TYPED_IN)?.checkVisibility()) return;
    if (event.key !== 'Escape' && localStorage.getItem('flow.single-keys') === 'off') return;
    if (Object.hasOwn(actions, event.key) && actions[event.key]()) event.preventDefault();
  });
})();

/** What opens or moves by itself, and must not take anything from the reader. */
(() => {
  // A panel that opens where one points at it closes by Escape without the pointer going away (WCAG 1.4.13).
  document.addEventListener('keydown', ({ key, target }) => {
    if (key === 'Escape' && target instanceof Element) target.closest('.memory__more')?.blur();
  });

  // Entries of the recent list change what they say when another one ends; the focus follows what it was on.
  let held = null;
  document.addEventListener('focusin', ({ target }) => {
    held = target instanceof Element && target.closest('#recent') ? target.getAttribute('href') : null;
  });
  document.addEventListener('htmx:after:swap', () => {
    const { activeElement } = document;
    if (held === null || !activeElement?.closest('#recent') || activeElement.getAttribute('href') === held) return;
    const links = [...document.querySelectorAll('#recent [data-walked]')];
    links.find((link) => link.getAttribute('href') === held)?.focus();
  });
})();
