// The palette: the arrows walk through what was found, while the focus stays in the field. Enter means what was typed:
// while older results stand, or new ones are not wired yet (htmx would lose their click), it waits for the right ones.
(() => {
  const palette = document.getElementById('palette');
  if (!palette) return;
  const field = palette.querySelector('input');

  /** What was searched for where the results stand; `null` while there are none. */
  let shownFor = null;
  let isEnterDue = false;

  const entries = () => [...palette.querySelectorAll('[data-entry]')];
  const choose = (entry) => {
    for (const one of entries()) one.setAttribute('aria-selected', String(one === entry));
    entry?.scrollIntoView({ block: 'nearest' });
    field.setAttribute('aria-activedescendant', entry?.id ?? '');
  };

  const wear = (theme) => {
    if (theme === 'system') {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem('flow.theme');
    } else {
      document.documentElement.dataset.theme = theme;
      localStorage.setItem('flow.theme', theme);
    }
    dispatchEvent(new Event('flow:theme'));
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
      if (shownFor === field.value) (all[at] ?? all[0])?.click();
      else isEnterDue = true;
    }
  });
  field.addEventListener('input', () => {
    isEnterDue = false;
  });
  field.addEventListener('htmx:after:swap', ({ detail }) => {
    shownFor = new URL(detail.ctx.request.action, location.href).searchParams.get('q');
    const first = entries()[0];
    choose(first);
    if (!isEnterDue || shownFor !== field.value) return;
    isEnterDue = false;
    first?.click();
  });
  palette.addEventListener('click', (event) => {
    const entry = event.target instanceof Element ? event.target.closest('[data-entry]') : null;
    if (!entry) return;
    if (entry.dataset.href) location.assign(entry.dataset.href);
    if (entry.dataset.themeTo) wear(entry.dataset.themeTo);
    setTimeout(() => palette.close());
  });

  document.addEventListener('palette', () => {
    if (palette.open) return;
    palette.showModal();
    field.value = '';
    shownFor = null;
    isEnterDue = false;
    field.focus();
    field.dispatchEvent(new Event('palette-open'));
  });
})();
