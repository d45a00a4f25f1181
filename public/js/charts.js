// Charts: a line that follows the pointer or the arrow keys on all of them, with the values of that moment; and figures
// that come anew when requests have ended.
{
  const REFRESH_DELAY_MS = 1000;
  const OFF = -9;

  const rowsOf = (chart) => [...chart.querySelectorAll('tbody tr')];

  const show = (index) => {
    for (const chart of document.querySelectorAll('.chart')) {
      const rows = rowsOf(chart);
      const row = rows[index];
      const cross = chart.querySelector('.chart__cross');
      const reading = chart.querySelector('.chart__reading');
      if (!cross || !reading) continue;
      const x = row ? ((index + 0.5) / rows.length) * 1000 : OFF;
      cross.setAttribute('d', `M${x} 0V200`);
      if (!row) {
        reading.textContent = '';
        continue;
      }
      const names = [...chart.querySelectorAll('thead th')].slice(1).map((cell) => cell.textContent);
      const values = [...row.querySelectorAll('td')].map((cell) => cell.textContent);
      const words = values.map((value, at) => (values.length === 1 ? value : `${names[at]} ${value}`));
      reading.textContent = `${row.querySelector('th').textContent} · ${words.join(' · ')}`;
      const plot = chart.querySelector('.chart__plot');
      plot.setAttribute('aria-valuenow', String(index));
      plot.setAttribute('aria-valuetext', reading.textContent);
    }
  };

  const plotOf = (event) => (event.target instanceof Element ? event.target.closest('.chart__plot') : null);

  let shown = -1;
  document.addEventListener('pointermove', (event) => {
    const plot = plotOf(event);
    if (!plot) {
      if (shown !== -1 && document.activeElement?.closest('.chart__plot') === null) show(-1);
      if (document.activeElement?.closest('.chart__plot') === null) shown = -1;
      return;
    }
    const box = plot.getBoundingClientRect();
    const count = rowsOf(plot.closest('.chart')).length;
    const index = Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * count)));
    if (index === shown) return;
    shown = index;
    show(index);
  });

  document.addEventListener('keydown', (event) => {
    const plot = plotOf(event);
    if (!plot) return;
    const last = rowsOf(plot.closest('.chart')).length - 1;
    const from = shown === -1 ? last : shown;
    const moves = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last };
    const wanted = moves[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    shown = Math.min(last, Math.max(0, wanted));
    show(shown);
  });

  document.addEventListener('focusout', (event) => {
    if (plotOf(event)) {
      shown = -1;
      show(-1);
    }
  });

  document.addEventListener('change', (event) => {
    const form = event.target instanceof Element ? event.target.closest('#telemetry-filters') : null;
    form?.requestSubmit();
  });

  const newsCount = () => document.getElementById('telemetry-news')?.dataset.count;
  let known = newsCount();
  let timer = 0;
  let refreshedAt = Number.NEGATIVE_INFINITY;
  // Soon, but not more often than the period deserves: a month of records is more to read than an hour.
  const schedule = (page) => {
    const pauseMs = Number(page.dataset.refreshS) * 1000;
    const waitMs = Math.max(REFRESH_DELAY_MS, refreshedAt + pauseMs - performance.now());
    if (timer === 0) timer = setTimeout(refresh, waitMs);
  };
  const refresh = () => {
    timer = 0;
    const page = document.getElementById('telemetry');
    if (page?.dataset.follows !== 'yes') return;
    const isBusy = document.hidden || document.querySelector('dialog[open]') || page.querySelector('select:focus');
    refreshedAt = performance.now();
    if (isBusy) schedule(page);
    else window.htmx.ajax('GET', `/telemetry/figures${location.search}`, { target: '#telemetry', swap: 'outerMorph' });
  };
  const hear = () => {
    const count = newsCount();
    const page = document.getElementById('telemetry');
    if (page && count !== known) schedule(page);
    known = count;
  };
  new MutationObserver(hear).observe(document.getElementById('content'), {
    subtree: true,
    attributes: true,
    attributeFilter: ['data-count'],
  });
}
