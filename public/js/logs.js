// The page of logs: follows what is written, loads older lines, filters, and keeps the newest 2,000 in the page.
{
  const LINES_MAX = 2000;
  const FETCH_PAUSE_MS = 250;
  const NEAR_END_PX = 32;
  const NEAR_TOP_PX = 200;
  const RANKS = { debug: 0, info: 1, warning: 2, error: 3 };
  const TIMES = ['local', 'UTC', 'ago'];

  const log = document.getElementById('log');
  const query = document.getElementById('log-query');
  const level = document.getElementById('log-level');
  const pill = document.getElementById('log-pill');
  const status = document.getElementById('log-status');
  const buttons = Object.fromEntries(
    ['follow', 'wrap', 'time', 'copy'].map((name) => [name, document.getElementById(`log-${name}`)]),
  );

  const { source, file } = log.dataset;
  let list = document.getElementById('log-lines');
  let run = log.dataset.run;
  let total = Number(list.dataset.total);
  let latest = Number(list.dataset.latest);
  let older = list.dataset.older;
  let isFollowing = log.dataset.following === 'yes';
  // Lines of longer ago: what is written now does not go on from them.
  let isCut = log.dataset.window === 'yes';
  let isFetching = false;
  let isLoadingOlder = false;
  let newestTotal = total;
  let timer = 0;
  let time = localStorage.getItem('flow.log-time') ?? 'local';
  let wanted = () => true;

  const pad = (number, width = 2) => String(number).padStart(width, '0');

  const timeText = (ms) => {
    if (time === 'ago') {
      const seconds = Math.max(0, Math.round((Date.now() - ms) / 1000));
      if (seconds < 60) return `${seconds} s ago`;
      if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
      return seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} d ago`;
    }
    const at = new Date(ms);
    const iso = new Date(time === 'UTC' ? ms : ms - at.getTimezoneOffset() * 60000).toISOString();
    const day = file ? `${iso.slice(5, 10)} ` : '';
    return `${day}${iso.slice(11, 19)}.${pad(ms % 1000, 3)}`;
  };

  const showTimes = (lines) => {
    for (const line of lines) {
      if (!line.dataset.ms) continue;
      const cell = line.firstElementChild;
      cell.textContent = timeText(Number(line.dataset.ms));
      cell.title = new Date(Number(line.dataset.ms)).toISOString();
    }
  };

  const textOf = (line) => [...line.children].map((part) => part.textContent).join(' ');

  const filterLines = (lines) => {
    for (const line of lines) line.hidden = !wanted(line);
  };

  // The pattern is the reader's own and runs in the reader's own tab, on lines of bounded length.
  const readFilter = () => {
    const text = query.value.trim();
    const pattern = /^\/(.+)\/$/.exec(text);
    let matches = (line) => line.toLowerCase().includes(text.toLowerCase());
    query.removeAttribute('aria-invalid');
    if (pattern) {
      try {
        const expression = new RegExp(pattern[1], 'i');
        matches = (line) => expression.test(line);
      } catch {
        query.setAttribute('aria-invalid', 'true');
        matches = () => true;
      }
    }
    const rank = RANKS[level.value] ?? 0;
    const isOpen = text === '' && rank === 0;
    wanted = (line) => isOpen || ((RANKS[line.dataset.level] ?? 3) >= rank && (text === '' || matches(textOf(line))));
    filterLines(list.children);
    const address = new URL(location.href);
    for (const [name, value] of [
      ['q', text],
      ['level', rank === 0 ? '' : level.value],
    ]) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    history.replaceState(null, '', address);
    const shown = [...list.children].filter((line) => !line.hidden).length;
    status.textContent = isOpen ? '' : `${shown} of ${list.children.length} lines shown`;
    if (isFollowing) toEnd();
  };

  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
  };

  const showPill = () => {
    const count = isFollowing || file ? 0 : Math.max(0, newestTotal - total);
    pill.hidden = count === 0;
    if (count > 0) pill.textContent = `▼ ${count.toLocaleString('en-US')} new ${count === 1 ? 'line' : 'lines'}`;
  };

  const showState = () => {
    buttons.follow.setAttribute('aria-pressed', String(isFollowing));
    buttons.follow.textContent = isFollowing ? 'Following' : 'Paused';
    showPill();
  };

  const fetchLines = async (parameters) => {
    const address = new URL('/logs/lines', location.href);
    const all = { ...(source ? { source } : {}), ...(file ? { file } : {}), ...parameters };
    for (const [name, value] of Object.entries(all)) address.searchParams.set(name, String(value));
    const answer = await fetch(address, { signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(String(answer.status));
    // Parsed apart from the page: nothing runs, and only the list is taken over.
    const parsed = new DOMParser().parseFromString(await answer.text(), 'text/html');
    return document.adoptNode(parsed.querySelector('#log-lines'));
  };

  // Links to requests open in the drawer, also in lines that came later.
  const wire = (lines) => {
    for (const line of lines) if (line.querySelector('.log__request')) window.htmx.process(line);
  };

  const take = (found) => {
    total = Number(found.dataset.total);
    latest = Number(found.dataset.latest);
    const lines = [...found.children];
    showTimes(lines);
    filterLines(lines);
    list.append(...lines);
    wire(lines);
    const excess = list.children.length - LINES_MAX;
    if (excess > 0) {
      for (const line of [...list.children].slice(0, excess)) line.remove();
      older = [...list.children].find((line) => line.dataset.sequence)?.dataset.sequence ?? '';
    }
    if (lines.length > 0) document.querySelector('.logs > .empty')?.remove();
  };

  const restart = async () => {
    const found = await fetchLines({});
    list.replaceWith(found);
    list = found;
    total = Number(found.dataset.total);
    latest = Number(found.dataset.latest);
    older = found.dataset.older;
    isCut = false;
    showTimes(list.children);
    filterLines(list.children);
    wire(list.children);
  };

  const catchUp = async () => {
    timer = 0;
    if (isFetching || !isFollowing || file || document.hidden) return;
    isFetching = true;
    try {
      if (isCut) await restart();
      else take(await fetchLines({ after: latest, total }));
      if (isFollowing) toEnd();
    } catch {
      // The badge below says that the connection is lost; the next news tries again.
    }
    isFetching = false;
    showPill();
    if (newestTotal > total) schedule();
  };

  const schedule = () => {
    if (timer === 0) timer = setTimeout(catchUp, FETCH_PAUSE_MS);
  };

  const loadOlder = async () => {
    if (isLoadingOlder || !older || isFollowing) return;
    isLoadingOlder = true;
    try {
      const found = await fetchLines({ before: older });
      const lines = [...found.children];
      older = found.dataset.older;
      showTimes(lines);
      filterLines(lines);
      const before = log.scrollHeight;
      const top = log.scrollTop;
      list.prepend(...lines);
      wire(lines);
      log.scrollTop = top + (log.scrollHeight - before);
      const excess = list.children.length - LINES_MAX;
      if (excess > 0 && !file) {
        for (const line of [...list.children].slice(-excess)) line.remove();
        isCut = true;
      }
      if (lines.length === 0) older = '';
    } catch {
      status.textContent = 'Older lines did not come; scroll up again to retry.';
    }
    isLoadingOlder = false;
  };

  const follow = (isWished) => {
    isFollowing = isWished && !file;
    showState();
    if (!isFollowing) return;
    leaveMoment();
    toEnd();
    schedule();
  };

  const leaveMoment = () => {
    const moment = document.getElementById('log-moment');
    if (!moment || moment.hidden) return;
    moment.hidden = true;
    const address = new URL(location.href);
    address.searchParams.delete('at');
    history.replaceState(null, '', address);
  };

  let lastTop = 0;
  log.addEventListener('scroll', () => {
    const isUp = log.scrollTop < lastTop - 1;
    lastTop = log.scrollTop;
    const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - NEAR_END_PX;
    if (isUp && !isAtEnd && isFollowing) follow(false);
    else if (isAtEnd && !isUp && !isFollowing && !isCut) follow(true);
    if (log.scrollTop < NEAR_TOP_PX && isUp) loadOlder();
  });
  log.addEventListener('wheel', (event) => {
    if (event.deltaY < 0 && log.scrollTop === 0) loadOlder();
  });
  log.addEventListener('keydown', (event) => {
    if (event.key === 'End') follow(true);
    if (event.key === 'Home' && isFollowing) follow(false);
  });
  pill.addEventListener('click', () => {
    follow(true);
    log.focus();
  });

  // The live connection says how much each source has written; that is compared with what stands here.
  const hearNews = () => {
    const chips = document.getElementById('log-sources');
    if (!chips) return;
    for (const chip of chips.querySelectorAll('[data-source]')) {
      if (file || chip.dataset.source !== source) continue;
      if (!chip.hasAttribute('aria-current')) chip.setAttribute('aria-current', 'page');
      newestTotal = Number(chip.dataset.lines);
    }
    if (chips.dataset.run !== run) {
      // Flow was started anew, and its numbers with it.
      run = chips.dataset.run;
      isCut = true;
      total = 0;
    }
    showPill();
    if (isFollowing && (newestTotal > total || isCut)) schedule();
  };
  // Nothing that hearing of news changes may lie in what is watched, or it would never end.
  new MutationObserver(hearNews).observe(document.getElementById('log-nav'), {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ['data-lines', 'data-run'],
  });

  buttons.follow.addEventListener('click', () => follow(!isFollowing));
  buttons.wrap.addEventListener('click', () => showWrap(log.dataset.wrap !== 'on'));
  buttons.time.addEventListener('click', () => {
    time = TIMES[(TIMES.indexOf(time) + 1) % TIMES.length];
    localStorage.setItem('flow.log-time', time);
    showTime();
  });
  buttons.copy.addEventListener('click', async () => {
    const lines = [...list.children].filter((line) => !line.hidden);
    try {
      await navigator.clipboard.writeText(lines.map(textOf).join('\n'));
      status.textContent = `${lines.length} lines copied`;
    } catch {
      getSelection().selectAllChildren(list);
      status.textContent = 'The lines are selected; copy them by Ctrl C.';
    }
  });
  const showWrap = (isOn) => {
    log.dataset.wrap = isOn ? 'on' : 'off';
    buttons.wrap.setAttribute('aria-pressed', String(isOn));
    localStorage.setItem('flow.log-wrap', log.dataset.wrap);
    if (isFollowing) toEnd();
  };
  const showTime = () => {
    buttons.time.textContent = `Time: ${time}`;
    showTimes(list.children);
  };
  setInterval(() => {
    if (time === 'ago' && !document.hidden) showTimes(list.children);
  }, 5000);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) hearNews();
  });
  query.addEventListener('input', readFilter);
  level.addEventListener('change', readFilter);
  document.getElementById('log-filters')?.addEventListener('submit', (event) => event.preventDefault());

  for (const button of Object.values(buttons)) button.hidden = false;
  if (file) buttons.follow.hidden = true;
  showWrap(localStorage.getItem('flow.log-wrap') !== 'off');
  showTime();
  if (query.value || level.value !== 'debug') readFilter();
  const marked = list.querySelector('[data-marked]');
  if (marked) marked.scrollIntoView({ block: 'center' });
  else toEnd();
  lastTop = log.scrollTop;
  showState();
  hearNews();
}
