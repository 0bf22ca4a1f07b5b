import { Worker } from 'node:worker_threads';

/** The workers of emscripten's threads. */
export interface ThreadPool {
  unusedWorkers: Worker[];
  readonly runningWorkers: readonly Worker[];
}

/** Stands in the pool for a thread that nobody will ask for. */
class IdleWorker {
  onmessage: ((event: { data: object }) => void) | undefined;
  on(): void {}
  ref(): void {}
  unref(): void {}
  terminate(): void {}
  /** The only message it gets tells it to load the program. */
  postMessage(): void {
    queueMicrotask(() => this.onmessage?.({ data: { cmd: 'loaded' } }));
  }
}

/**
 * Lets emscripten start, which makes a fixed pool of eight workers by the global `Worker`, with
 * workers of Node's in their place: as many as will be used.
 * They get none of this process's options, such as loaders. Afterwards the globals, and the
 * listeners that it adds to the process and that print a user's error
 * with a whole minified file, are as they were.
 * @param source What a worker runs. @param count Threads besides the main one.
 */
export async function withThreadWorkers<Module extends { readonly PThread: ThreadPool }>(
  source: string,
  count: number,
  start: () => Promise<Module>,
): Promise<Module> {
  const threads = Array.from(
    { length: count },
    () => new Worker(source, { eval: true, execArgv: [] }),
  );
  const left = [...threads];
  // A function that returns an object may stand after `new`.
  function ThreadWorker(): Worker | IdleWorker {
    return left.pop() ?? new IdleWorker();
  }
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const listeners = events.map((event) => new Set(process.listeners(event as 'uncaughtException')));
  const before = Object.getOwnPropertyDescriptor(globalThis, 'Worker');
  // It sets the global before it uses it: without effect here.
  Object.defineProperty(globalThis, 'Worker', {
    get: () => ThreadWorker,
    set: () => {},
    configurable: true,
  });
  try {
    const module = await start();
    module.PThread.unusedWorkers = threads;
    return module;
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, 'Worker');
    else Object.defineProperty(globalThis, 'Worker', before);
    events.forEach((event, at) => {
      for (const listener of process.listeners(event as 'uncaughtException')) {
        if (!listeners[at]?.has(listener)) process.removeListener(event, listener);
      }
    });
  }
}
