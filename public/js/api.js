// The API page: operations are filtered as one types, and what an address names is opened.
(() => {
  const page = document.getElementById('api');
  if (!page) return;

  const text = document.getElementById('api-filter');
  const found = document.getElementById('api-found');
  const nothing = document.getElementById('api-nothing');
  const operations = [...page.querySelectorAll('[data-find]')];

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const operation of operations) {
      operation.hidden = !words.every((word) => operation.dataset.find.includes(word));
      if (!operation.hidden) count += 1;
    }
    nothing.hidden = count > 0;
    found.textContent = `${count} of ${operations.length}`;
    const query = text.value === '' ? '' : `?${new URLSearchParams({ q: text.value })}`;
    history.replaceState(null, '', `${location.pathname}${query}${location.hash}`);
  };
  text.addEventListener('input', filter);
  text.form.addEventListener('submit', (event) => {
    event.preventDefault();
    filter();
  });

  // What a line holds is fetched when it is first opened.
  page.addEventListener(
    'toggle',
    ({ target }) => {
      if (target instanceof HTMLDetailsElement && target.open) target.querySelector('[data-awaited]')?.click();
    },
    true,
  );

  // A link to something that is closed would lead nowhere.
  const open = () => {
    const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!(named instanceof HTMLDetailsElement)) return;
    named.open = true;
    named.scrollIntoView();
  };
  window.addEventListener('hashchange', open);
  // Not before htmx has taken over the links.
  document.addEventListener('DOMContentLoaded', open);
})();
