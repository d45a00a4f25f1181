// How a browser likes Flow to look: the theme, and how wide the menu is. Set before the first paint by `theme.js`.
document.addEventListener('alpine:init', () => {
  const { Alpine } = window;
  const THEMES = ['system', 'light', 'dark'];

  Alpine.data('theme', () => ({
    theme: document.documentElement.dataset.theme ?? 'system',
    init() {
      // The Settings page offers the choice as well.
      addEventListener('flow:theme', () => {
        this.theme = document.documentElement.dataset.theme ?? 'system';
      });
    },
    get label() {
      return `Theme: ${this.theme}`;
    },
    next() {
      this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length];
      if (this.theme === 'system') {
        delete document.documentElement.dataset.theme;
        localStorage.removeItem('flow.theme');
      } else {
        document.documentElement.dataset.theme = this.theme;
        localStorage.setItem('flow.theme', this.theme);
      }
      dispatchEvent(new Event('flow:theme'));
    },
  }));

  Alpine.data('rail', () => ({
    isNarrow: document.documentElement.dataset.rail === 'narrow',
    get label() {
      return this.isNarrow ? 'Widen the menu' : 'Narrow the menu';
    },
    get mark() {
      return this.isNarrow ? '»' : '«';
    },
    toggle() {
      this.isNarrow = !this.isNarrow;
      if (this.isNarrow) document.documentElement.dataset.rail = 'narrow';
      else delete document.documentElement.dataset.rail;
      localStorage.setItem('flow.rail', this.isNarrow ? 'narrow' : 'wide');
    },
  }));
});
