/**
 * Keeps the page for use without a network, once it has nothing better to do.
 * @param onKept Called when every file is kept.
 */
export async function keepOffline(onKept: () => void): Promise<void> {
  if (!__IS_BUNDLED__ || !('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI));
    await navigator.serviceWorker.ready;
    onKept();
  } catch {
    // Private windows and full disks refuse; the page works as long as there is a network.
  }
}
