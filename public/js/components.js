// What the server need not know: the theme, the width of the menu, and whether a notice was read.
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

  Alpine.data('copying', () => ({
    word: 'Copy',
    async copy() {
      const text = this.$refs.code.textContent;
      try {
        await navigator.clipboard.writeText(text);
        this.word = 'Copied';
      } catch {
        // Over plain HTTP from another machine there is no clipboard; the text is selected instead.
        getSelection().selectAllChildren(this.$refs.code);
        this.word = 'Selected';
      }
      setTimeout(() => {
        this.word = 'Copy';
      }, 2000);
    },
  }));

  Alpine.data('singleKeys', () => ({
    isOn: localStorage.getItem('flow.single-keys') !== 'off',
    get label() {
      return `Single keys: ${this.isOn ? 'on' : 'off'}`;
    },
    toggle() {
      this.isOn = !this.isOn;
      localStorage.setItem('flow.single-keys', this.isOn ? 'on' : 'off');
    },
  }));

  const READ_TIME_MS = 6000;
  Alpine.data('notice', () => ({
    init() {
      // Troubles stay until they are dismissed; so does anything that still offers an action.
      const isPassing = this.$el.dataset.tone === 'info' && !this.$el.querySelector('form');
      if (isPassing) setTimeout(() => this.close(), READ_TIME_MS);
    },
    close() {
      this.$root.remove();
    },
  }));
});
