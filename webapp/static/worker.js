// Serves the kept pages of one questionnaire while there is no connection. It is there only as long as its owner allows it.
"use strict";
const LINK = new URL(self.registration.scope).pathname;
const CACHE = `viceversa ${LINK}`;
const GONE = [404, 410];

const isPage = (path) => path.startsWith(LINK) && /^(\/(\d+|review))?$/.test(path.slice(LINK.length));

// A kept copy says so, since what was answered after it was made has to be put into it.
async function keep(path, response) {
  if (!(await caches.has(CACHE))) {
    return;
  }
  const text = (await response.text()).replace("<html ", "<html data-kept ");
  const cache = await caches.open(CACHE);
  const headers = new Headers(response.headers);
  headers.delete("Content-Encoding");
  await cache.put(path, new Response(text, { headers }));
}

// The link leads nowhere any more, so nothing of it may stay here.
async function forget() {
  const asked = indexedDB.open("viceversa", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("kept");
  asked.onsuccess = () => {
    const store = asked.result.transaction("kept", "readwrite").objectStore("kept");
    store.delete(IDBKeyRange.bound([LINK], [LINK, []]));
    asked.result.close();
  };
  await caches.delete(CACHE);
  await self.registration.unregister();
}

async function showPage(request, path) {
  const kept = () => caches.match(path, { cacheName: CACHE });
  let response;
  try {
    response = await fetch(request);
  } catch {
    return (await kept()) || Response.error();
  }
  if (response.status >= 500) {
    return (await kept()) || response;
  }
  if (GONE.includes(response.status) && path === LINK) {
    await forget();
  } else if (response.ok && isPage(path)) {
    await keep(path, response.clone());
  }
  return response;
}

async function showAsset(request) {
  const kept = await caches.match(request, { cacheName: CACHE });
  if (kept) {
    return kept;
  }
  const response = await fetch(request);
  if (response.ok && (await caches.has(CACHE))) {
    await (await caches.open(CACHE)).put(request, response.clone());
  }
  return response;
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) {
    return;
  }
  if (request.mode === "navigate") {
    event.respondWith(showPage(request, pathname));
  } else if (pathname.startsWith("/static/")) {
    event.respondWith(showAsset(request));
  }
});
