/**
 * Looks up the functions of the TensorFlow C API and of libc that the engine calls, with their
 * types. The declarations mirror TensorFlow's headers, one file each.
 */
import koffi, { type LibraryHandle, type TypeObject } from 'koffi';
import { type CoreApi, coreSignatures } from './c_api.ts';
import { type EagerApi, eagerSignatures } from './c_api_eager.ts';
import { type ExperimentalApi, experimentalSignatures } from './c_api_experimental.ts';
import type { Pointer } from './types.ts';

type CType = string | TypeObject;

export interface TensorflowApi extends CoreApi, EagerApi, ExperimentalApi {}

/** Result and arguments of every function, in the letters of `Signatures`. */
export const signatures: Readonly<Record<string, string>> = {
  ...coreSignatures,
  ...eagerSignatures,
  ...experimentalSignatures,
};

/** malloc, memcpy and mmap of the process. */
export interface Libc {
  malloc(bytes: number): Pointer;
  free(block: Pointer): void;
  copyIn(to: Pointer, from: ArrayBufferView, bytes: number): Pointer;
  copyOut(to: ArrayBufferView, from: Pointer, bytes: number): Pointer;
  map(
    at: Pointer,
    bytes: number,
    protection: number,
    flags: number,
    file: number,
    offset: number,
  ): Pointer;
  /** The address of munmap, for TensorFlow to call later. */
  readonly unmap: Pointer;
}

const cTypes: Readonly<Record<string, CType>> = {
  p: 'size_t',
  i: 'int',
  l: 'int64',
  f: 'float',
  b: 'uint8',
  s: 'str',
  d: 'const void *',
  o: koffi.struct({ operation: 'size_t', index: 'int' }),
  v: 'void',
};

/**
 * Looks every function up. @throws Error where the library lacks one: it is not libtensorflow, or
 * too old.
 */
export function declareTensorflow(library: LibraryHandle): TensorflowApi {
  const entries = Object.entries(signatures).map(([name, signature]) => {
    const [result, ...args] = [...signature].map((letter) => cTypes[letter] as CType);
    return [name, library.func(name, result as CType, args)];
  });
  return Object.fromEntries(entries) as TensorflowApi;
}

/** Looks up malloc, free, memcpy and mmap of the process itself. */
export function declareLibc(): Libc {
  const process = koffi.load(null);
  return {
    malloc: process.func('malloc', 'size_t', ['size_t']) as Libc['malloc'],
    free: process.func('free', 'void', ['size_t']) as Libc['free'],
    copyIn: process.func('memcpy', 'size_t', [
      'size_t',
      'const void *',
      'size_t',
    ]) as Libc['copyIn'],
    copyOut: process.func('memcpy', 'size_t', ['void *', 'size_t', 'size_t']) as Libc['copyOut'],
    map: process.func('mmap', 'size_t', [
      'size_t',
      'size_t',
      'int',
      'int',
      'int',
      'int64',
    ]) as Libc['map'],
    unmap: Number(koffi.address(process.symbol('munmap'))),
  };
}

/**
 * libuv has 4 threads unless UV_THREADPOOL_SIZE is set: one stays free for files. koffi refuses
 * calls beyond some hundreds.
 */
const maxRunning = 3;

const waiting: (() => void)[] = [];
const running = new Set<symbol>();

/**
 * Calls a C function on a thread of libuv's pool, and waits for a free one where many are called.
 * Its arguments must live until the promise settles.
 */
export async function callOnThreadPool<Arguments extends readonly unknown[], Result>(
  call: (...args: Arguments) => Result,
  ...args: Arguments
): Promise<Result> {
  if (running.size >= maxRunning) await new Promise<void>((resolve) => waiting.push(resolve));
  const own = Symbol();
  running.add(own);
  const { async: callAsync } = call as unknown as {
    async(...args: [...Arguments, (error: Error | null, result: Result) => void]): void;
  };
  try {
    return await new Promise((resolve, reject) =>
      callAsync(...args, (error, result) => (error ? reject(error) : resolve(result))),
    );
  } finally {
    running.delete(own);
    waiting.shift()?.();
  }
}
