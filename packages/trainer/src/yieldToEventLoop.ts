/** The part of a message port that browsers and Node share. */
interface Port {
  onmessage: (() => void) | null;
  postMessage(message: number): void;
  close(): void;
}

/**
 * Lets the event loop run once, so that signals, timers and drawing get their turn while an engine
 * computes synchronously.
 */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    // Not setTimeout: it waits 1 ms in Node and 4 ms in browsers. Not a frame: it never comes in a
    // hidden tab or a worker.
    const { port1, port2 } = new MessageChannel() as unknown as {
      readonly port1: Port;
      readonly port2: Port;
    };
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
