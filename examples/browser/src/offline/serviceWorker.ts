/**
 * Keeps the whole page, so that it works without a network: every file is fetched when the page is
 * visited first, and answered from the cache from then on. A page that was built anew has other
 * bytes here: the browser then fetches all files again, and uses them from the next visit on.
 */

/** Files of the page, relative to it, and their common version: vite.config.ts fills them in. */
declare const __FILES__: readonly string[];
declare const __VERSION__: string;

/** The part of a service worker's global scope that is used. */
interface Scope {
  readonly caches: CacheStorage;
  readonly location: Location;
  readonly clients: { claim(): Promise<void> };
  addEventListener(
    type: 'install' | 'activate',
    listener: (event: { waitUntil(work: Promise<unknown>): void }) => void,
  ): void;
  addEventListener(
    type: 'fetch',
    listener: (event: {
      readonly request: Request;
      respondWith(response: Promise<Response>): void;
    }) => void,
  ): void;
}

const scope = self as unknown as Scope;
const prefix = 'student-and-teacher-';
const cacheName = `${prefix}${__VERSION__}`;

scope.addEventListener('install', (event) => event.waitUntil(install()));
scope.addEventListener('activate', (event) => event.waitUntil(activate()));
scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const isOwn = new URL(request.url).origin === scope.location.origin;
  if (request.method === 'GET' && isOwn) event.respondWith(answer(request));
});

async function install(): Promise<void> {
  const cache = await scope.caches.open(cacheName);
  await cache.addAll(['./', ...__FILES__.filter((file) => file !== 'index.html')]);
}

async function activate(): Promise<void> {
  for (const name of await scope.caches.keys())
    if (name.startsWith(prefix) && name !== cacheName) await scope.caches.delete(name);
  await scope.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await scope.caches.open(cacheName);
  const kept = await cache.match(request.mode === 'navigate' ? './' : request, {
    ignoreSearch: true,
    // Servers that send `Vary: Origin` would hide scripts, which are asked for with an origin.
    ignoreVary: true,
  });
  return kept ?? fetch(request);
}
