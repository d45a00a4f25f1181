// A file that is chosen fills a text field, where it can be read and changed before it is sent.
(() => {
  const BYTES_MAX = 1 << 20;

  document.addEventListener('change', async (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || !input.dataset.fills) return;
    const [file] = input.files ?? [];
    const field = document.getElementById(input.dataset.fills);
    if (!file || !(field instanceof HTMLTextAreaElement)) return;
    input.setCustomValidity(file.size > BYTES_MAX ? 'This file is too large for a configuration.' : '');
    if (input.reportValidity()) field.value = await file.text();
  });
})();
