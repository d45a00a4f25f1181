// The address follows the filters of a page, so that reload, back and a copied link show the same.
document.addEventListener('input', (event) => {
  const form = event.target instanceof Element ? event.target.closest('form[data-follow]') : null;
  if (!(form instanceof HTMLFormElement)) return;
  const said = [...new FormData(form)].filter(([, value]) => value !== '');
  const query = new URLSearchParams(said).toString();
  history.replaceState(history.state, '', query === '' ? form.action : `${form.action}?${query}`);
});
