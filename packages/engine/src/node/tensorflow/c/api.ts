/**
 * The functions of the TensorFlow C API and of libc that the binding calls, typed.
 */
import koffi, { type LibraryHandle, type TypeObject } from 'koffi';
import { type ClusterApi, clusterSignatures } from './cluster.ts';
import { type EagerApi, eagerSignatures } from './eager.ts';
import { type GraphApi, graphSignatures } from './graph.ts';
import { type SessionApi, sessionSignatures } from './session.ts';
import { type TensorsApi, tensorsSignatures } from './tensors.ts';
import type { Pointer } from './types.ts';

export type { GraphOutput, Pointer } from './types.ts';

type Type = string | TypeObject;

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
  /** The address of munmap, for whoever calls it later. */
  readonly unmap: Pointer;
}

export interface TensorflowApi extends TensorsApi, EagerApi, GraphApi, SessionApi, ClusterApi {}

const output = koffi.struct({ operation: 'size_t', index: 'int' });

const cTypes: Readonly<Record<string, Type>> = {
  p: 'size_t',
  i: 'int',
  l: 'int64',
  f: 'float',
  b: 'uint8',
  s: 'str',
  d: 'const void *',
  o: output,
  v: 'void',
};

/**
 * Looks every function up. @throws Error where the library lacks one: it is not libtensorflow, or
 * too old.
 */
export function declareTensorflow(library: LibraryHandle): TensorflowApi {
  const signatures: Readonly<Record<string, string>> = {
    ...tensorsSignatures,
    ...eagerSignatures,
    ...graphSignatures,
    ...sessionSignatures,
    ...clusterSignatures,
  };
  const entries = Object.entries(signatures).map(([name, signature]) => {
    const [result, ...args] = [...signature].map((letter) => cTypes[letter] as Type);
    return [name, library.func(name, result as Type, args)];
  });
  return Object.fromEntries(entries) as TensorflowApi;
}

/** malloc, free, memcpy and mmap of the process itself. */
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
