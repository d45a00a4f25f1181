// A repository that is pasted anywhere on the models' pages is offered to be opened.
(() => {
  const ADDRESS =
    /^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w.-]+\/[\w.-]+?)(?::([\w.-]+))?(?:[/?#].*)?$/;
  const NAME = /^([A-Za-z0-9][\w.-]*\/[\w.-]+?)(?::([\w.-]+))?$/;
  const LENGTH_MAX = 300;
  const area = document.getElementById('notice');
  const template = document.getElementById('notice-template');
  if (!area || !template) return;

  document.addEventListener('paste', (event) => {
    const { target } = event;
    // Whoever pastes into a field means the field.
    if (target instanceof Element && target.closest('input, textarea, select, [contenteditable]')) return;
    const text = event.clipboardData?.getData('text/plain').trim() ?? '';
    const named = text.length <= LENGTH_MAX ? (ADDRESS.exec(text) ?? NAME.exec(text)) : null;
    if (!named) return;
    const [, repository, quantization] = named;
    const query = new URLSearchParams({ repo: repository, ...(quantization ? { quant: quantization } : {}) });
    const notice = template.content.firstElementChild.cloneNode(true);
    notice.querySelector('.notice__message').textContent = `Pasted: ${text}`;
    const link = document.createElement('a');
    link.className = 'button button--primary';
    link.href = `/models/get?${query}`;
    link.textContent = `Open ${repository}`;
    notice.querySelector('.notice__actions').prepend(link);
    area.append(notice);
  });
})();
