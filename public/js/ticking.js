// Seconds that go on between two values of the server.
(() => {
  const starts = new WeakMap();

  // The same words as views/parts/quantity.tsx, `durationText`.
  const words = (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
    if (whole < 86400) {
      return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
    }
    return `${Math.floor(whole / 86400)} d`;
  };

  const tick = () => {
    const now = performance.now();
    for (const element of document.querySelectorAll('[data-tick]')) {
      const { seconds, tick: direction } = element.dataset;
      let start = starts.get(element);
      if (!start || start.seconds !== seconds) {
        start = { seconds, at: now };
        starts.set(element, start);
      }
      const passed = (now - start.at) / 1000;
      const text = words(Number(seconds) + (direction === 'down' ? -passed : passed));
      if (element.textContent !== text) element.textContent = text;
    }
  };

  setInterval(tick, 250);
})();
