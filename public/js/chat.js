// The chat's keys, and the draft of the next question.
(() => {
  const composer = document.getElementById('composer');
  const field = document.getElementById('composer-text');
  if (!composer || !field) return;

  const draftKey = `flow.draft.${composer.dataset.conversation}`;
  field.value ||= localStorage.getItem(draftKey) ?? '';
  field.addEventListener('input', () => {
    if (field.value === '') localStorage.removeItem(draftKey);
    else localStorage.setItem(draftKey, field.value);
  });

  const isWriting = () => document.querySelector('[data-stops="answer"]') !== null;

  const stop = () => document.getElementById('stopping')?.requestSubmit();

  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const isEnter = event.key === 'Enter' && !event.shiftKey && !event.altKey;
    if (isEnter && event.target === field) {
      event.preventDefault();
      if (!isWriting()) composer.requestSubmit();
    } else if (isEnter && event.target instanceof Element && event.target.matches('[data-submits="enter"]')) {
      event.preventDefault();
      event.target.form.requestSubmit();
    } else if (event.key === 'Escape' && !document.querySelector('dialog[open], details.menu[open]') && isWriting()) {
      event.preventDefault();
      stop();
    }
  });

  // A question that was taken leaves the field; one that was refused stays in it.
  document.addEventListener('htmx:after:request', (event) => {
    if (event.target !== composer || !event.detail.ctx?.response?.raw?.ok) return;
    field.value = '';
    localStorage.removeItem(draftKey);
    composer.dispatchEvent(new Event('question-taken'));
    field.focus();
  });

  if (matchMedia('(pointer: fine)').matches) field.focus({ preventScroll: true });
})();
