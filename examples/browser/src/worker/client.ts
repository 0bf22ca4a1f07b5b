import type { Call, Reply, StudentWorker, WorkerEvent } from './protocol.ts';

/** A worker whose methods are called like functions. */
export interface WorkerClient extends StudentWorker {
  /** Ends the worker; calls that are not answered are rejected. */
  stop(): void;
}

/** Starts a worker. @param onEvent Called with what it reports. */
export function startWorker(onEvent: (event: WorkerEvent) => void): WorkerClient {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  const calls = new Map<number, PromiseWithResolvers>();
  let nextId = 0;
  const rejectAll = (reason: string): void => {
    for (const { reject } of calls.values()) reject(new Error(reason));
    calls.clear();
  };
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    if ('event' in data) return onEvent(data.event);
    const call = calls.get(data.id);
    calls.delete(data.id);
    if ('error' in data) call?.reject(new Error(data.error));
    else call?.resolve(data.result);
  });
  worker.addEventListener('error', ({ message }) =>
    rejectAll(message || 'The worker could not be loaded.'),
  );
  const call =
    (method: keyof StudentWorker) =>
    (...parameters: unknown[]): Promise<never> =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        calls.set(id, { resolve: resolve as (result: unknown) => void, reject });
        worker.postMessage({ id, method, parameters } satisfies Call, transferable(parameters));
      });
  return {
    open: call('open'),
    preparePicture: call('preparePicture'),
    computeLogits: call('computeLogits'),
    useModel: call('useModel'),
    writeOnnx: call('writeOnnx'),
    teach: call('teach'),
    stop() {
      worker.terminate();
      rejectAll('stopped');
    },
  };
}

interface PromiseWithResolvers {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

function transferable(parameters: readonly unknown[]): Transferable[] {
  return parameters.filter((parameter) => parameter instanceof ImageBitmap);
}
