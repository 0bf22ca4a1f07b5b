import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ensure } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

type Upstream = typeof import('@tensorflow/tfjs-backend-wasm');

/** The part of upstream's emscripten module that is used. */
interface WasmModule {
  tfjs?: object;
  readonly PThread: ThreadPool;
  cwrap(name: string, result: 'number' | null, parameters: readonly 'number'[]): () => unknown;
}

type MakeModule = (settings: object) => Promise<WasmModule>;

/** The limit of upstream's build. */
const maxThreads = 8;

/** `KD_WASM_THREADS`, or one thread for each core. */
function requestedThreads(): number {
  const named = process.env.KD_WASM_THREADS;
  const threads = named ? Number(named) : Math.min(availableParallelism(), maxThreads);
  ensure(
    Number.isInteger(threads) && threads >= 1 && threads <= maxThreads,
    'KD_WASM_THREADS',
    `an integer from 1 to ${maxThreads}`,
    named,
  );
  return threads;
}

/**
 * Registers upstream's threaded build, which it disables in Node ("once #3830 is resolved"): its
 * own start reads worker and program from blob URLs, which Node's workers cannot. Everything else
 * in it works in Node.
 * @returns The number of threads of an operation: one for each core, up to 8, or `KD_WASM_THREADS`.
 */
export async function registerThreadedWasm(upstream: Upstream): Promise<number> {
  // It was started before, and there may be tensors on it.
  if ('wasm' in tf.engine().registry) return upstream.getThreadsCount();
  const threads = requestedThreads();
  upstream.setThreadsCount(threads);
  tf.removeBackend('wasm');
  const program = await readProgram();
  // TF.js creates the backend again after `tf.engine().reset()`, which ends the threads of the old
  // one.
  tf.registerBackend('wasm', async () => {
    const module = await startModule(program, threads);
    const backend = new upstream.BackendWasm(
      module as unknown as ConstructorParameters<Upstream['BackendWasm']>[0],
    );
    // They wait for work forever, which must not keep the process alive.
    for (const worker of module.PThread.runningWorkers) worker.unref();
    return backend;
  });
  return threads;
}

/** Upstream's threaded build, of which any number of modules can be created. */
interface WasmProgram {
  readonly file: string;
  readonly make: MakeModule;
  readonly compiled: WebAssembly.Module;
  /** Source of its workers. */
  readonly worker: string;
}

async function readProgram(): Promise<WasmProgram> {
  const require = createRequire(import.meta.url);
  const file = join(
    dirname(dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))),
    'wasm-out',
    'tfjs-backend-wasm-threaded-simd.js',
  );
  const compiled = await WebAssembly.compile(await readFile(file.replace(/js$/, 'wasm')));
  const { wasmWorkerContents } = require(file.replace(/js$/, 'worker.js')) as {
    wasmWorkerContents: string;
  };
  return {
    file,
    make: require(file) as MakeModule,
    compiled,
    worker: wasmWorkerContents.replaceAll('\n', '\\n'),
  };
}

async function startModule(program: WasmProgram, threads: number): Promise<WasmModule> {
  const module = await withThreadWorkers(program.worker, threads - 1, () =>
    instantiate(program, threads),
  );
  module.tfjs = {
    init: module.cwrap('init', null, []),
    initWithThreadsCount: module.cwrap('init_with_threads_count', null, ['number']),
    getThreadsCount: module.cwrap('get_threads_count', 'number', []),
    registerTensor: module.cwrap('register_tensor', null, ['number', 'number', 'number']),
    disposeData: module.cwrap('dispose_data', null, ['number']),
    dispose: module.cwrap('dispose', null, []),
  };
  return module;
}

function instantiate({ file, make, compiled }: WasmProgram, threads: number): Promise<WasmModule> {
  return new Promise((resolve, reject) => {
    const instantiateWasm = (
      imports: WebAssembly.Imports,
      done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
    ): object => {
      // It uses at most half as many threads as there are cores.
      const env = { ...imports.env, emscripten_num_logical_cores: () => 2 * threads };
      WebAssembly.instantiate(compiled, { ...imports, env }).then(
        (instance) => done(instance, compiled),
        reject,
      );
      return {};
    };
    make({ mainScriptUrlOrBlob: file, instantiateWasm }).then(resolve, reject);
  });
}

/** Emscripten's pool of workers. */
export interface ThreadPool {
  unusedWorkers: Worker[];
  readonly runningWorkers: readonly Worker[];
}

/** A place in the pool that is never used. */
class IdleWorker {
  onmessage: ((event: { data: object }) => void) | undefined;
  on(): void {}
  ref(): void {}
  unref(): void {}
  terminate(): void {}
  /** The only message is the one to load the program. */
  postMessage(): void {
    queueMicrotask(() => this.onmessage?.({ data: { cmd: 'loaded' } }));
  }
}

/**
 * Starts emscripten, which creates a fixed pool of eight workers with the global `Worker`, with
 * workers of Node instead: only as many as will be used. They get none of this process's options,
 * such as loaders. Afterwards the globals are as they were, and the listeners that it adds to the
 * process are removed: they print a user's error with a whole minified file.
 * @param source Source of a worker. @param count Threads besides the main one.
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
  // `new` works on a function that returns an object.
  function ThreadWorker(): Worker | IdleWorker {
    return left.pop() ?? new IdleWorker();
  }
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const listeners = events.map((event) => new Set(process.listeners(event as 'uncaughtException')));
  const before = Object.getOwnPropertyDescriptor(globalThis, 'Worker');
  // It sets the global before it uses it, which has no effect here.
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
