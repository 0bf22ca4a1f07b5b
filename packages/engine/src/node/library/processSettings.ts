import { availableParallelism } from 'node:os';
import { ensure } from '@kd/core';
import koffi from 'koffi';

/** Settings of the process that libtensorflow reads once, when it is loaded. */

/** The settings in effect. */
export interface ProcessSettings {
  /** Whether oneDNN's kernels are enabled. */
  readonly oneDnn: boolean;
  /** Whether the allocator keeps freed memory. */
  readonly keepsMemory: boolean;
  readonly threads: number;
}

/**
 * Sets environment and allocator of this process. TF_ENABLE_ONEDNN_OPTS of the environment has
 * priority; the allocator depends on `KD_MALLOC` only.
 */
export function applyProcessSettings(): ProcessSettings {
  const self = koffi.load(null);
  // C code does not see process.env of a worker thread, which is a copy: hence setenv itself.
  const setenv = self.func('setenv', 'int', ['str', 'str', 'int']);
  const getenv = self.func('getenv', 'str', ['str']);
  // Off by default on CPUs without AVX512 (+30 % there).
  setenv('TF_ENABLE_ONEDNN_OPTS', '1', 0);
  return {
    oneDnn: getenv('TF_ENABLE_ONEDNN_OPTS') === '1',
    keepsMemory: keepFreedMemory(),
    threads: usableThreads(),
  };
}

export const threadsVariable = 'KD_THREADS';

/**
 * The number of threads of one op: `KD_THREADS`, or all cores that this process may use. @throws
 * RangeError if `KD_THREADS` is invalid.
 */
export function usableThreads(): number {
  const value = process.env[threadsVariable];
  if (!value) return availableParallelism();
  const threads = Number(value);
  ensure(Number.isInteger(threads) && threads >= 1, threadsVariable, 'an integer ≥ 1', value);
  return threads;
}

/** mallopt parameters of glibc's malloc.h. */
const trimThreshold = -1;
const topPad = -2;
const mmapThreshold = -3;

/**
 * Makes glibc keep the memory of large arrays, unless `KD_MALLOC=off`: by default it returns that
 * to the kernel, and each page of the next array is a fault. It matters for JavaScript's arrays,
 * and for tensors without oneDNN; with it they lie in a pool of TensorFlow's.
 */
function keepFreedMemory(): boolean {
  if (process.env.KD_MALLOC === 'off' || process.platform !== 'linux' || !isGlibc()) return false;
  const mallopt = koffi.load(null).func('mallopt', 'int', ['int', 'int']);
  const set = [
    mallopt(mmapThreshold, 2 ** 25),
    mallopt(trimThreshold, 2 ** 31 - 1),
    mallopt(topPad, 2 ** 26),
  ];
  return set.every((result) => result === 1);
}

/** Whether this Node runs on glibc, which the wheels' libraries require. */
export function isGlibc(): boolean {
  const { header } = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string };
  };
  return header.glibcVersionRuntime !== undefined;
}
