// Shown instead of a page while Flow does not run: goes on as soon as it answers.
(() => {
  const LOOK_INTERVAL_MS = 2000;
  const look = async () => {
    try {
      const answer = await fetch('/health', { cache: 'no-store' });
      if (answer.ok) location.reload();
    } catch {
      // Still not there.
    }
  };
  setInterval(look, LOOK_INTERVAL_MS);
})();
