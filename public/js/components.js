// What the server need not know: what was copied, and whether a notice was read.
document.addEventListener('alpine:init', () => {
  const { Alpine } = window;

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
