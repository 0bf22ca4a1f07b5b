import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { ensure } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { type ThreadPool, withThreadWorkers } from './workers.ts';

type Upstream = typeof import('@tensorflow/tfjs-backend-wasm');

/** What we use of the module that upstream's threaded build makes. */
interface WasmModule {
  tfjs?: object;
  readonly PThread: ThreadPool;
  cwrap(name: string, result: 'number' | null, parameters: readonly 'number'[]): () => unknown;
}

type MakeModule = (settings: object) => Promise<WasmModule>;

/** Upstream's build takes no more. */
const MOST = 8;

/** As `KD_WASM_THREADS` says, else one for each core. */
function threadsWanted(): number {
  const named = process.env.KD_WASM_THREADS;
  const threads = named ? Number(named) : Math.min(availableParallelism(), MOST);
  ensure(
    Number.isInteger(threads) && threads >= 1 && threads <= MOST,
    'KD_WASM_THREADS',
    `a whole number from 1 to ${MOST}`,
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
  const threads = threadsWanted();
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
interface Program {
  readonly file: string;
  readonly make: MakeModule;
  readonly compiled: WebAssembly.Module;
  /** What each of its workers runs. */
  readonly worker: string;
}

async function readProgram(): Promise<Program> {
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

async function startModule(program: Program, threads: number): Promise<WasmModule> {
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

function instantiate({ file, make, compiled }: Program, threads: number): Promise<WasmModule> {
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
