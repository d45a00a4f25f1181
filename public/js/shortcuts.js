// Keys that do things: Ctrl or Cmd with K finds anything, ? lists the keys, g and a letter goes to a page.
(() => {
  const SEQUENCE_MS = 1200;
  const PAGES = { m: '/', o: '/models', c: '/chat', t: '/telemetry', l: '/logs', s: '/settings' };
  const TYPED_IN = 'input, textarea, select, [contenteditable]';

  const keys = document.getElementById('shortcuts');
  let isGoing = false;
  let going = 0;

  const isLinked = (path) => document.querySelector(`.nav__link[href="${path}"]`) !== null;

  const openPalette = () => document.dispatchEvent(new Event('palette'));

  const wait = () => {
    isGoing = true;
    clearTimeout(going);
    going = setTimeout(() => {
      isGoing = false;
    }, SEQUENCE_MS);
  };

  const press = (key) => {
    if (isGoing) {
      isGoing = false;
      const path = PAGES[key];
      if (path && isLinked(path)) location.assign(path);
      return path !== undefined;
    }
    switch (key) {
      case 'g':
        wait();
        return true;
      case '?':
        keys?.showModal();
        return true;
      case '/': {
        const filter = document.querySelector('[data-filter]');
        filter?.focus();
        return filter !== null;
      }
      default:
        return false;
    }
  };

  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const isCommand = event.metaKey || event.ctrlKey;
    if (isCommand && event.key.toLowerCase() === 'k' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      openPalette();
      return;
    }
    if (isCommand || event.altKey || document.querySelector('dialog[open]')) return;
    // Letters belong to whoever types; some people switch single keys off altogether (WCAG 2.1.4).
    // A field that was just closed with its dialog keeps the focus until the next frame: nobody types there any more.
    if (event.target instanceof Element && event.target.closest(TYPED_IN)?.checkVisibility()) return;
    if (localStorage.getItem('flow.single-keys') === 'off') return;
    if (press(event.key)) event.preventDefault();
  });

  document.addEventListener('click', (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest('[data-opens="palette"]')) openPalette();
    if (event.target.closest('[data-opens="shortcuts"]')) keys?.showModal();
  });
})();
