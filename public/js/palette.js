// The palette: the arrows walk through what was found, while the focus stays in the field.
(() => {
  const palette = document.getElementById('palette');
  if (!palette) return;
  const field = palette.querySelector('input');

  const entries = () => [...palette.querySelectorAll('[data-entry]')];
  const choose = (entry) => {
    for (const one of entries()) one.setAttribute('aria-selected', String(one === entry));
    entry?.scrollIntoView({ block: 'nearest' });
    field.setAttribute('aria-activedescendant', entry?.id ?? '');
  };

  palette.addEventListener('keydown', (event) => {
    const all = entries();
    const at = all.findIndex((entry) => entry.getAttribute('aria-selected') === 'true');
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      choose(all[(at + step + all.length) % all.length]);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      (all[at] ?? all[0])?.click();
    }
  });
  palette.addEventListener('htmx:after:swap', () => choose(entries()[0]));
  palette.addEventListener('click', (event) => {
    const entry = event.target instanceof Element ? event.target.closest('[data-entry]') : null;
    if (!entry) return;
    if (entry.dataset.href) location.assign(entry.dataset.href);
    setTimeout(() => palette.close());
  });

  document.addEventListener('palette', () => {
    if (palette.open) return;
    palette.showModal();
    field.value = '';
    field.focus();
    field.dispatchEvent(new Event('palette-open'));
  });
})();
