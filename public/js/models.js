// Several models at once: one box ticks all that are shown, and it is said how many are.
(() => {
  const boxes = () => [...document.querySelectorAll('input[form="mine-bulk"]')];

  const tell = () => {
    const all = boxes();
    const ticked = all.filter((box) => box.checked);
    const words = document.querySelector('[data-picked]');
    if (words) words.textContent = `With the ${ticked.length} chosen`;
    const whole = document.querySelector('[data-picks-all]');
    if (!(whole instanceof HTMLInputElement)) return;
    whole.checked = ticked.length > 0 && ticked.length === all.length;
    whole.indeterminate = ticked.length > 0 && ticked.length < all.length;
  };

  document.addEventListener('change', (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement)) return;
    if (box.dataset.picksAll !== undefined) {
      for (const one of boxes()) one.checked = box.checked;
    } else if (box.getAttribute('form') !== 'mine-bulk') return;
    tell();
  });

  // The list is fetched anew when models come and go.
  document.addEventListener('htmx:after:swap', tell);

  // What was done is done: the same models are not meant by the next button as well.
  document.addEventListener('htmx:after:request', (event) => {
    if (!(event.target instanceof HTMLFormElement) || event.target.id !== 'mine-bulk') return;
    for (const box of boxes()) box.checked = false;
    tell();
  });

  // A button that fills fields of its form: they are changed as if somebody had typed.
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button[data-sets]') : null;
    const form = button?.closest('form');
    if (!button || !form) return;
    for (const [name, value] of Object.entries(JSON.parse(button.dataset.sets))) {
      const field = form.elements.namedItem(name);
      if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) continue;
      field.value = value;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }
  });
})();
