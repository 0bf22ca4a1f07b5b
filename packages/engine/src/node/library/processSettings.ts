import { availableParallelism } from 'node:os';
import { ensure } from '@kd/core';
import koffi from 'koffi';

/**
 * What must be set before libtensorflow is loaded, for it reads its environment once.
 */

/** What was set, for `kd-engine doctor`. */
export interface ProcessSettings {
  /** Whether oneDNN's kernels were asked for. */
  readonly oneDnn: boolean;
  /** Whether the allocator was told to keep freed memory. */
  readonly keepsMemory: boolean;
  readonly threads: number;
}

/**
 * Sets environment and allocator of this process. What the environment says of oneDNN is left
 * alone; of the allocator `KD_MALLOC` alone counts.
 */
export function applyProcessSettings(): ProcessSettings {
  const self = koffi.load(null);
  // process.env of a worker thread is a copy, which C never sees: hence setenv itself.
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
 * For one op: all cores that this process may use, or as many as the environment says. @throws
 * RangeError where it says something else.
 */
export function usableThreads(): number {
  const given = process.env[threadsVariable];
  if (!given) return availableParallelism();
  const threads = Number(given);
  ensure(Number.isInteger(threads) && threads >= 1, threadsVariable, 'a whole number ≥ 1', given);
  return threads;
}

/** mallopt parameters of glibc's malloc.h. */
const trimThreshold = -1;
const topPad = -2;
const mmapThreshold = -3;

/**
 * glibc gives the memory of a large array back to the kernel, and each page of the next one is a
 * fault: let it keep that, unless `KD_MALLOC=off`.
 * With oneDNN TensorFlow's tensors are in a pool of its own; what JavaScript makes is not, nor are
 * tensors without oneDNN.
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

/** Whether this Node runs on glibc, as the wheels' libraries must. */
export function isGlibc(): boolean {
  const { header } = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string };
  };
  return header.glibcVersionRuntime !== undefined;
}
