// The Settings page: the filter, what the browser alone remembers, and values that a morph does not take over.
(() => {
  const page = document.getElementById('settings');
  if (!page) return;

  const form = page.querySelector('[data-filters]');
  const found = document.getElementById('settings-found');
  const text = document.getElementById('settings-filter');
  const only = document.getElementById('settings-changed');
  const rows = [...page.querySelectorAll('.setting-row')];
  const panels = [...page.querySelectorAll('.settings-panel')];

  const isWanted = (row, words) => {
    if (only.checked && !row.querySelector('[data-changed], [data-unsaved]')) return false;
    const said = `${row.dataset.find} ${row.querySelector('.setting__words').textContent}`.toLowerCase();
    return words.every((word) => said.includes(word));
  };

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const isFiltered = words.length > 0 || only.checked;
    let count = 0;
    for (const row of rows) {
      row.hidden = !isWanted(row, words);
      if (!row.hidden) count += 1;
    }
    for (const panel of panels) {
      const said = panel.textContent.toLowerCase();
      panel.hidden = isFiltered && (only.checked || !words.every((word) => said.includes(word)));
    }
    page.toggleAttribute('data-empty', isFiltered && count === 0 && panels.every((panel) => panel.hidden));
    found.textContent = isFiltered ? `${count} of ${rows.length} settings` : '';
    const query = new URLSearchParams(new FormData(form));
    if (query.get('q') === '') query.delete('q');
    history.replaceState(null, '', `${location.pathname}${query.size > 0 ? `?${query}` : ''}${location.hash}`);
  };
  form.addEventListener('input', filter);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    filter();
  });
  if (text.value !== '' || only.checked) filter();
})();

(() => {
  const page = document.getElementById('settings');
  if (!page) return;

  // A box that was ticked and a list that was chosen from follow their attributes no more; the server is right again
  // as soon as nothing is on its way.
  const follow = () => {
    for (const field of page.querySelectorAll('.setting__form')) {
      if (field.classList.contains('htmx-request')) continue;
      for (const box of field.querySelectorAll('input[type=checkbox]')) box.checked = box.defaultChecked;
      for (const list of field.querySelectorAll('select')) {
        const saved = [...list.options].findIndex((option) => option.defaultSelected);
        if (saved >= 0 && list.selectedIndex !== saved) list.selectedIndex = saved;
      }
    }
  };
  const observed = {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ['checked', 'selected', 'class'],
  };
  new MutationObserver(follow).observe(page, observed);

  // After an interruption: what was told meanwhile is asked for.
  const edition = document.getElementById('settings-edition');
  new MutationObserver(() => {
    if (edition.dataset.told === undefined) {
      window.htmx.ajax('GET', '/settings/fields', { source: edition, target: edition, swap: 'none' });
    }
  }).observe(edition, { attributes: true, attributeFilter: ['data-edition'] });

  page.addEventListener('change', async (event) => {
    const { fills } = event.target.dataset;
    const [file] = event.target.files ?? [];
    if (fills && file) document.getElementById(fills).value = await file.text();
  });
})();

document.addEventListener('alpine:init', () => {
  window.Alpine.data('appearance', () => ({
    init() {
      this.show();
      addEventListener('flow:theme', () => this.show());
    },
    show() {
      const theme = document.documentElement.dataset.theme ?? 'system';
      for (const radio of this.$root.querySelectorAll('input[name=theme]')) radio.checked = radio.value === theme;
    },
    choose(event) {
      const theme = event.target.value;
      if (theme === 'system') {
        delete document.documentElement.dataset.theme;
        localStorage.removeItem('flow.theme');
      } else {
        document.documentElement.dataset.theme = theme;
        localStorage.setItem('flow.theme', theme);
      }
      dispatchEvent(new Event('flow:theme'));
    },
  }));
});
