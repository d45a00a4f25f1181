// Lists with filters: the address follows them, and a list that is no longer the present one is fetched anew.
(() => {
  // So reload, back and a copied link show the same.
  document.addEventListener('input', (event) => {
    const form = event.target instanceof Element ? event.target.closest('form[data-follow]') : null;
    if (!(form instanceof HTMLFormElement)) return;
    const said = [...new FormData(form)].filter(([, value]) => value !== '');
    const query = new URLSearchParams(said).toString();
    history.replaceState(history.state, '', query === '' ? form.action : `${form.action}?${query}`);
  });

  // The server does not know which filter each page has, so it only says that rows came, went or changed their state.
  for (const stamp of document.querySelectorAll('[data-stamp-of]')) {
    const compare = () => {
      const list = document.getElementById(stamp.dataset.stampOf);
      const form = document.querySelector('form[data-follow]');
      if (list && list.dataset.stamp !== stamp.textContent.trim()) form?.dispatchEvent(new Event('stale'));
    };
    new MutationObserver(compare).observe(stamp, { childList: true, characterData: true, subtree: true });
  }
})();
