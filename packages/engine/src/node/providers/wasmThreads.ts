import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ensure } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

type Upstream = typeof import('@tensorflow/tfjs-backend-wasm');

/** What we use of the module that upstream's threaded build makes. */
interface WasmModule {
  tfjs?: object;
  readonly PThread: ThreadPool;
  cwrap(name: string, result: 'number' | null, parameters: readonly 'number'[]): () => unknown;
}

type MakeModule = (settings: object) => Promise<WasmModule>;

/** Upstream's build takes no more. */
const maxThreads = 8;

/** As `KD_WASM_THREADS` says, else one for each core. */
function requestedThreads(): number {
  const named = process.env.KD_WASM_THREADS;
  const threads = named ? Number(named) : Math.min(availableParallelism(), maxThreads);
  ensure(
    Number.isInteger(threads) && threads >= 1 && threads <= maxThreads,
    'KD_WASM_THREADS',
    `a whole number from 1 to ${maxThreads}`,
    named,
  );
  return threads;
}

/**
 * Registers upstream's threaded build, which it switches off in Node ("once #3830 is resolved"):
 * its own start reads worker and program from blob URLs, which
 * Node's workers cannot. Everything else in it knows Node.
 * @returns How many threads an operation may use: one for each core, up to 8, or `KD_WASM_THREADS`.
 */
export async function registerThreadedWasm(upstream: Upstream): Promise<number> {
  // Whoever has started it before us has tensors on it.
  if ('wasm' in tf.engine().registry) return upstream.getThreadsCount();
  const threads = requestedThreads();
  upstream.setThreadsCount(threads);
  tf.removeBackend('wasm');
  const program = await readProgram();
  // TF.js makes a backend anew after `tf.engine().reset()`, which ends the threads of the old one.
  tf.registerBackend('wasm', async () => {
    const module = await startModule(program, threads);
    const backend = new upstream.BackendWasm(
      module as unknown as ConstructorParameters<Upstream['BackendWasm']>[0],
    );
    // They wait for work for ever, which shall not keep the process alive.
    for (const worker of module.PThread.runningWorkers) worker.unref();
    return backend;
  });
  return threads;
}

/** Upstream's threaded build, which a module is made of as often as it is needed. */
interface WasmProgram {
  readonly file: string;
  readonly make: MakeModule;
  readonly compiled: WebAssembly.Module;
  /** What each of its workers runs. */
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
      // It halves the number of cores, and takes no more threads than that.
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
