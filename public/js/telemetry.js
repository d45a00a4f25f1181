// The page of telemetry: filters that act when they are changed, addresses without what is empty, and figures that
// come anew when something has ended.
{
  const REFRESH_DELAY_MS = 1000;
  /** The period itself goes on when nothing ends. */
  const QUIET_REFRESH_MS = 60_000;
  const FILTERS = 'telemetry-filters';

  const pageNow = () => document.getElementById('telemetry');

  document.addEventListener('change', (event) => {
    const field = event.target;
    // Boxes and moments are chosen several at a time: their buttons say when.
    if (field instanceof HTMLSelectElement && field.form?.id === FILTERS) field.form.requestSubmit();
  });

  document.addEventListener('formdata', (event) => {
    if (event.target.id !== FILTERS) return;
    const data = event.formData;
    const columns = data.getAll('columns');
    const boxes = [...event.target.elements].filter(({ name }) => name === 'columns');
    data.delete('columns');
    if (boxes.some((box) => box.checked !== box.defaultChecked) || new URL(location.href).searchParams.has('columns')) {
      if (columns.length > 0) data.set('columns', columns.join(','));
    }
    for (const name of new Set(data.keys())) if (data.get(name) === '') data.delete(name);
  });

  const isInUse = (page) =>
    document.hidden ||
    document.querySelector('dialog[open]') !== null ||
    page.querySelector(`#${FILTERS} :focus, .columns :focus, .chart__plot:active`) !== null ||
    [...page.querySelectorAll('.columns input')].some((box) => box.checked !== box.defaultChecked);

  const newsCount = () => document.getElementById('telemetry-news')?.dataset.count;
  let known = newsCount();
  let timer = 0;
  let refreshedAt = performance.now();

  // Soon, but not more often than the period deserves: a month of records is more to read than an hour.
  const schedule = (page) => {
    const pauseMs = Number(page.dataset.refreshS) * 1000;
    const waitMs = Math.max(REFRESH_DELAY_MS, refreshedAt + pauseMs - performance.now());
    if (timer === 0) timer = setTimeout(refresh, waitMs);
  };
  const refresh = () => {
    timer = 0;
    const page = pageNow();
    if (page?.dataset.follows !== 'yes') return;
    refreshedAt = performance.now();
    if (isInUse(page)) schedule(page);
    else window.htmx.ajax('GET', `/telemetry/figures${location.search}`, { target: '#telemetry', swap: 'outerMorph' });
  };
  const hear = () => {
    const count = newsCount();
    const page = pageNow();
    if (page && count !== known) schedule(page);
    known = count;
  };
  new MutationObserver(hear).observe(document.getElementById('content'), {
    subtree: true,
    attributes: true,
    attributeFilter: ['data-count'],
  });
  setInterval(() => {
    const page = pageNow();
    if (page && performance.now() - refreshedAt > QUIET_REFRESH_MS) schedule(page);
  }, QUIET_REFRESH_MS / 4);
}
