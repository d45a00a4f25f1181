// Keeps one page for when Flow does not run. Nothing else is ever kept: a stale page of a server on the same machine is
// worse than one that says so.
const KEPT = 'flow-offline-1';
const OFFLINE = '/public/offline.html';
const FILES = [
  OFFLINE,
  '/public/css/offline.css',
  '/public/css/tokens.css',
  '/public/js/offline-page.js',
  '/public/icon.svg',
];

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(FILES)));
  self.skipWaiting();
});

self.addEventListener('activate', (event) => {
  const forget = async () => {
    for (const name of await caches.keys()) if (name !== KEPT) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(forget());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.mode === 'navigate') {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
    return;
  }
  // The files of the page itself, and only when nobody answers.
  if (FILES.includes(new URL(request.url).pathname)) {
    event.respondWith(fetch(request).catch(() => caches.match(request, { ignoreSearch: true })));
  }
});
