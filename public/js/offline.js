// Over plain HTTP from another machine there are no service workers; then the browser's own error page must do.
if ('serviceWorker' in navigator) navigator.serviceWorker.register('/sw.js').catch(() => {});
