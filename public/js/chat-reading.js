// What is copied from the chat, and the view that stays at the end while an answer is written.
(() => {
  const COPIED_MS = 2000;

  document.addEventListener('click', async (event) => {
    const button = event.target instanceof Element ? event.target.closest('[data-copies]') : null;
    if (!button) return;
    const code = button.closest('figure')?.querySelector('code');
    const word = button.textContent;
    try {
      const text = code ? code.textContent : await (await fetch(button.dataset.from)).text();
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      // Over plain HTTP from another machine there is no clipboard; the text is selected instead.
      getSelection().selectAllChildren(code ?? button.closest('.turn').querySelector('.prose'));
      button.textContent = 'Selected';
    }
    setTimeout(() => {
      button.textContent = word;
    }, COPIED_MS);
  });
})();

// Whoever has scrolled up reads; only who is at the end is kept there.
(() => {
  const NEAR_END_PX = 48;
  const page = document.documentElement;
  const thread = document.getElementById('chat-thread')?.parentElement;
  if (!thread) return;
  let isAtEnd = true;
  let lastTop = 0;

  const toEnd = () => {
    if (isAtEnd) page.scrollTop = page.scrollHeight;
  };

  // The page may have grown between a scroll and its event, so only a way up says that somebody has left the end.
  addEventListener(
    'scroll',
    () => {
      const isNear = page.scrollHeight - page.clientHeight - page.scrollTop < NEAR_END_PX;
      if (isNear) isAtEnd = true;
      else if (page.scrollTop < lastTop) isAtEnd = false;
      lastTop = page.scrollTop;
    },
    { passive: true },
  );
  document.getElementById('composer')?.addEventListener('question-taken', () => {
    isAtEnd = true;
  });
  new MutationObserver(toEnd).observe(thread, { childList: true, subtree: true, characterData: true });
  if (document.querySelector('.turn')) toEnd();
})();
