// Charts: a line that follows the pointer or the arrow keys on all of them, with the values of that moment; a stretch
// that is dragged over, or chosen with Shift and the arrows, and then looked at alone.
{
  const OFF = -9;
  const WIDTH = 1000;

  const rowsOf = (chart) => [...chart.querySelectorAll('tbody tr')];
  const chartOf = (plot) => plot.closest('.chart');
  const plotOf = (event) => (event.target instanceof Element ? event.target.closest('.chart__plot') : null);

  /** What happened in a part of the period, from the list under the charts. */
  const marksIn = (part) =>
    [...document.querySelectorAll(`.marks__list [data-part="${part}"]`)].map((mark) => mark.textContent);

  const noteMarks = (part) => {
    for (const mark of document.querySelectorAll('.marks__list [data-part]')) {
      mark.classList.toggle('marks__one--here', mark.dataset.part === String(part));
    }
  };

  const wordsOf = (chart, row) => {
    const names = [...chart.querySelectorAll('thead th')].slice(1).map((cell) => cell.textContent);
    const values = [...row.querySelectorAll('td')].map((cell) => cell.textContent);
    return values.map((value, at) => (values.length === 1 ? value : `${names[at]} ${value}`));
  };

  const readMoment = (chart, index, marks) => {
    const rows = rowsOf(chart);
    const row = rows[index];
    const cross = chart.querySelector('.chart__cross');
    const reading = chart.querySelector('.chart__reading');
    if (!cross || !reading) return;
    cross.setAttribute('d', `M${row ? ((index + 0.5) / rows.length) * WIDTH : OFF} 0V200`);
    if (!row) {
      reading.textContent = '';
      return;
    }
    reading.textContent = [row.querySelector('th').textContent, ...wordsOf(chart, row), ...marks].join(' · ');
    const plot = chart.querySelector('.chart__plot');
    plot.setAttribute('aria-valuenow', String(index));
    plot.setAttribute('aria-valuetext', reading.textContent);
  };

  /** What happened is told on one chart only: where the reader is. */
  const show = (index, here) => {
    const marks = index < 0 ? [] : marksIn(index);
    for (const chart of document.querySelectorAll('.chart')) readMoment(chart, index, chart === here ? marks : []);
    noteMarks(index);
  };

  const cover = (from, to) => {
    for (const chart of document.querySelectorAll('.chart')) {
      const zoom = chart.querySelector('.chart__zoom');
      const count = rowsOf(chart).length;
      if (!zoom || count === 0) continue;
      const isOn = from !== null && to !== null;
      const first = isOn ? Math.min(from, to) : 0;
      const width = isOn ? Math.abs(to - from) + 1 : 0;
      zoom.setAttribute('x', String((first / count) * WIDTH));
      zoom.setAttribute('width', String((width / count) * WIDTH));
    }
  };

  /** The same page over these parts of its period; the back button returns. */
  const lookAt = (plot, one, other) => {
    const page = document.getElementById('telemetry');
    const count = rowsOf(chartOf(plot)).length;
    const fromMs = Number(page.dataset.fromMs);
    const partMs = (Number(page.dataset.untilMs) - fromMs) / count;
    const address = new URL(location.href);
    address.searchParams.delete('range');
    address.searchParams.delete('before');
    address.searchParams.set('from', String(Math.round(fromMs + Math.min(one, other) * partMs)));
    address.searchParams.set('to', String(Math.round(fromMs + (Math.max(one, other) + 1) * partMs)));
    address.hash = '';
    location.assign(address);
  };

  const partAt = (plot, clientX) => {
    const box = plot.getBoundingClientRect();
    const count = rowsOf(chartOf(plot)).length;
    return Math.min(count - 1, Math.max(0, Math.floor(((clientX - box.left) / box.width) * count)));
  };

  let shown = -1;
  let anchor = null;
  let dragged = null;

  const letGo = () => {
    anchor = null;
    dragged = null;
    cover(null, null);
  };

  document.addEventListener('pointerdown', (event) => {
    const plot = plotOf(event);
    if (!plot || event.button !== 0 || event.pointerType === 'touch') return;
    dragged = plot;
    anchor = partAt(plot, event.clientX);
  });

  document.addEventListener('pointermove', (event) => {
    const plot = dragged ?? plotOf(event);
    if (!plot?.isConnected) {
      if (document.activeElement?.closest('.chart__plot')) return;
      if (shown !== -1) show(-1, null);
      shown = -1;
      return;
    }
    const index = partAt(plot, event.clientX);
    if (index === shown) return;
    shown = index;
    show(index, chartOf(plot));
    if (dragged) cover(anchor, index);
  });

  document.addEventListener('pointerup', (event) => {
    if (!dragged) return;
    const [plot, from] = [dragged, anchor];
    const to = partAt(plot, event.clientX);
    letGo();
    // A click is no stretch.
    if (plot.isConnected && Math.abs(to - from) >= 1) lookAt(plot, from, to);
  });
  document.addEventListener('pointercancel', letGo);

  document.addEventListener('keydown', (event) => {
    const plot = plotOf(event);
    if (event.key === 'Escape' && anchor !== null) letGo();
    if (!plot) return;
    const last = rowsOf(chartOf(plot)).length - 1;
    const from = shown === -1 ? last : shown;
    if (event.key === 'Enter' && anchor !== null && anchor !== from) {
      event.preventDefault();
      lookAt(plot, anchor, from);
      return;
    }
    const wanted = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    if (!event.shiftKey) letGo();
    else anchor ??= from;
    shown = Math.min(last, Math.max(0, wanted));
    show(shown, chartOf(plot));
    if (event.shiftKey) cover(anchor, shown);
  });

  document.addEventListener('focusout', (event) => {
    if (!plotOf(event)) return;
    shown = -1;
    show(-1, null);
    if (!dragged) letGo();
  });
}
