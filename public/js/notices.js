// Notices: at most three at a time, those that pass by themselves go first; what the server tells live looks the same.
(() => {
  const NOTICES_MAX = 3;
  const area = document.getElementById('notice');
  const template = document.getElementById('notice-template');
  if (!area || !template) return;

  const isPassing = (notice) => notice.dataset.tone === 'info' && !notice.querySelector('form');

  const trim = () => {
    const notices = [...area.children];
    const over = notices.length - NOTICES_MAX;
    if (over <= 0) return;
    const oldestFirst = [...notices.filter(isPassing), ...notices.filter((notice) => !isPassing(notice))];
    for (const notice of oldestFirst.slice(0, over)) notice.remove();
  };
  new MutationObserver(trim).observe(area, { childList: true });

  document.getElementById('live')?.addEventListener('notice', (event) => {
    const { tone, text } = JSON.parse(event.detail.data);
    // Each new connection is told again what troubled the start.
    const isShown = [...area.children].some((notice) => notice.textContent.includes(text));
    if (isShown) return;
    const notice = template.content.firstElementChild.cloneNode(true);
    notice.dataset.tone = tone;
    notice.setAttribute('role', tone === 'error' ? 'alert' : 'status');
    notice.querySelector('.notice__message').textContent = text;
    area.append(notice);
  });
})();
