// Dialogs: what is loaded into the drawer opens it, and whoever opened it gets the focus back.
(() => {
  const drawer = document.getElementById('drawer');
  if (!drawer) return;

  let opener = null;

  document.addEventListener('htmx:before:request', (event) => {
    if (!drawer.open && event.target instanceof HTMLElement) opener = document.activeElement;
  });

  // The answer to a swap elsewhere may close it (a partial that empties it), so its content decides.
  const follow = () => {
    const isFilled = drawer.firstElementChild !== null;
    if (isFilled && !drawer.open) {
      drawer.showModal();
      drawer.querySelector('#drawer-title')?.focus();
    } else if (!isFilled && drawer.open) drawer.close();
  };
  new MutationObserver(follow).observe(drawer, { childList: true });

  drawer.addEventListener('close', () => {
    drawer.replaceChildren();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    opener = null;
  });

  document.addEventListener('click', (event) => {
    if (!(event.target instanceof Element)) return;
    const closer = event.target.closest('[data-closes]');
    if (closer) document.getElementById(closer.dataset.closes)?.close();
    // The backdrop belongs to the dialog itself; its content covers the rest.
    if (event.target instanceof HTMLDialogElement) event.target.close();
    for (const menu of document.querySelectorAll('details.menu[open]')) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const menu of document.querySelectorAll('details.menu[open]')) {
      menu.open = false;
      menu.querySelector('summary')?.focus();
    }
  });
})();
