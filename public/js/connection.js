// The badge that says whether the page is true. The server beats every 5 s; silence is not life.
(() => {
  const SILENCE_MAX_MS = 8000;
  const DEAD_AFTER_MS = 15000;
  const CHECK_INTERVAL_MS = 1000;
  const WORDS = {
    live: 'live',
    reconnecting: 'reconnecting',
    paused: 'paused',
    updated: 'Flow was updated: reload the page',
  };

  const badge = document.getElementById('connection');
  const live = document.getElementById('live');
  if (!badge || !live) return;

  let heardAt = performance.now();
  let connection = null;

  const show = (state) => {
    if (badge.dataset.state === state || badge.dataset.state === 'updated') return;
    badge.dataset.state = state;
    badge.textContent = WORDS[state];
  };

  const hear = () => {
    heardAt = performance.now();
    show('live');
  };

  live.addEventListener('htmx:sse:after:connection', (event) => {
    connection = event.detail.connection;
    heardAt = performance.now();
  });
  live.addEventListener('htmx:sse:before:message', hear);
  live.addEventListener('htmx:sse:error', () => show('reconnecting'));
  live.addEventListener('htmx:sse:before:connection', (event) => {
    if (event.detail.connection.attempt > 0) show(document.hidden ? 'paused' : 'reconnecting');
  });
  live.addEventListener('htmx:error', () => show('reconnecting'));
  live.addEventListener('hello', (event) => {
    if (event.detail.data !== document.documentElement.dataset.version) show('updated');
  });
  setInterval(() => {
    if (document.hidden) return;
    const silentMs = performance.now() - heardAt;
    if (silentMs > SILENCE_MAX_MS) show('reconnecting');
    if (silentMs > DEAD_AFTER_MS) {
      // A connection that died without a word (sleep, a pulled cable) is ended here, so that htmx makes a new one.
      heardAt = performance.now();
      if (connection?.reader) connection.reader.cancel();
      else if (!live._htmx?.sse) window.htmx.ajax('GET', live.getAttribute('hx-sse:connect'), { source: live });
    }
  }, CHECK_INTERVAL_MS);
})();
