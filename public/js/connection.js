// The page's one live connection, and the badge that says whether the page is true. htmx reads the stream and swaps
// what comes; when there is one is decided here. The server beats every 5 s: silence is not life.
{
  const SILENCE_MAX_MS = 8000;
  const DEAD_AFTER_MS = 15000;
  const CHECK_INTERVAL_MS = 1000;
  const HIDDEN_MAX_MS = 30000;
  const DELAY_MIN_MS = 300;
  const DELAY_MAX_MS = 3000;
  // A browser has six connections to one address, for all its windows together, and a stream takes one for good. What
  // comes after these gets the same bytes through a WebSocket, which browsers do not count among them.
  const STREAMS_MAX = 3;
  const WORDS = { live: 'live', reconnecting: 'reconnecting', paused: 'paused' };

  const badge = document.getElementById('connection');
  const live = document.getElementById('live');

  let connection = null;
  let isAsking = false;
  let failures = 0;
  let socketFailed = false;
  let timer = 0;
  let hiddenTimer = 0;
  let heardAt = null;

  const show = (state) => {
    if (badge.dataset.state === state || badge.dataset.state === 'updated') return;
    badge.dataset.state = state;
    badge.textContent = WORDS[state];
  };

  // Both clocks: one stands while the machine sleeps, the other can be set back.
  const now = () => ({ wall: Date.now(), steady: performance.now() });
  const silentMs = () =>
    heardAt ? Math.max(Date.now() - heardAt.wall, performance.now() - heardAt.steady) : Number.POSITIVE_INFINITY;

  /** One of the few streams that all windows share, held until what comes of this is called; null = all are taken. */
  const takeStream = (number = 1) =>
    new Promise((resolve) => {
      navigator.locks.request(`flow-live-${number}`, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(number < STREAMS_MAX ? takeStream(number + 1) : null);
        return new Promise((release) => resolve(release));
      });
    });

  const throughSocket = (address, { signal }) =>
    new Promise((resolve, reject) => {
      const url = new URL(address, location.href);
      url.protocol = url.protocol.replace('http', 'ws');
      const socket = new WebSocket(url);
      socket.binaryType = 'arraybuffer';
      const body = new ReadableStream({
        start(controller) {
          socket.onmessage = ({ data }) => controller.enqueue(new Uint8Array(data));
          socket.onclose = () => {
            reject(new TypeError('The socket was closed.'));
            controller.close();
          };
        },
        cancel() {
          socket.onmessage = null;
          socket.onclose = null;
          socket.close();
        },
      });
      socket.onopen = () => {
        resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
      };
      socket.onerror = () => {
        socketFailed = true;
      };
      signal.addEventListener('abort', () => socket.close());
    });

  const connect = async () => {
    timer = 0;
    if (isAsking || document.hidden) return;
    isAsking = true;
    // Without locks (plain HTTP from another machine) nobody can count, so a socket is the safe way; where a proxy
    // refuses sockets, a stream is better than nothing.
    const release = navigator.locks ? await takeStream() : null;
    const isCounted = release !== null || (socketFailed && !navigator.locks);
    const road = isCounted ? {} : { fetch: throughSocket };
    // Until it has ended, or did not begin.
    await window.htmx.ajax('GET', live.getAttribute('hx-sse:connect'), { source: live, ...road }).catch(() => {});
    release?.();
    connection = null;
    isAsking = false;
    show(document.hidden ? 'paused' : 'reconnecting');
    if (!document.hidden) connectSoon();
  };

  const connectSoon = () => {
    clearTimeout(timer);
    const delayMs = Math.min(DELAY_MIN_MS * 2 ** failures, DELAY_MAX_MS) * (0.8 + 0.4 * Math.random());
    failures += 1;
    timer = setTimeout(connect, delayMs);
  };

  const hangUp = () => connection?.reader?.cancel();

  const check = () => {
    if (document.hidden) return;
    if (silentMs() > SILENCE_MAX_MS && heardAt) show('reconnecting');
    // A connection that died without a word (sleep, a pulled cable) is ended here, so that a new one is made.
    if (silentMs() > DEAD_AFTER_MS) hangUp();
  };

  const greet = (event) => {
    if (event.detail.data === document.documentElement.dataset.version || badge.dataset.state === 'updated') return;
    show('updated');
    badge.dataset.state = 'updated';
    const reload = document.createElement('button');
    reload.type = 'button';
    reload.className = 'button button--quiet';
    reload.textContent = 'Reload';
    reload.addEventListener('click', () => location.reload());
    badge.replaceChildren('Flow was updated. ', reload);
  };

  const begin = () => {
    live.addEventListener('htmx:sse:after:connection', (event) => {
      connection = event.detail.connection;
      heardAt = now();
    });
    live.addEventListener('htmx:sse:before:message', () => {
      heardAt = now();
      failures = 0;
    });
    // Said only once what came stands on the page: the first word is a greeting, the state of everything follows.
    live.addEventListener('htmx:sse:after:message', (event) => {
      if (event.detail.message.event !== 'hello') show('live');
    });
    live.addEventListener('hello', greet);
    setInterval(check, CHECK_INTERVAL_MS);
    document.addEventListener('visibilitychange', () => {
      clearTimeout(hiddenTimer);
      if (document.hidden) {
        hiddenTimer = setTimeout(hangUp, HIDDEN_MAX_MS);
        return;
      }
      check();
      failures = 0;
      connect();
    });
    // Behind the timer by which htmx begins. A page that was opened in the background waits until it is looked at.
    document.addEventListener('DOMContentLoaded', () => setTimeout(connect));
  };

  if (badge && live) begin();
}
