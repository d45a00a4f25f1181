// Runs before the first paint, so that a chosen theme never flashes the other one, and the menu has its width.
(() => {
  const chosen = localStorage.getItem('flow.theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  if (localStorage.getItem('flow.rail') === 'narrow') document.documentElement.dataset.rail = 'narrow';
})();
