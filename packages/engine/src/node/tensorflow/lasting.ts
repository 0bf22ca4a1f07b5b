import { ensure } from '@kd/core';
import koffi from 'koffi';
import type { Pointer, TensorflowApi } from './c/api.ts';
import { dataType } from './constants.ts';
import type { Memory } from './memory.ts';

/** mmap's arguments, and what it answers where it fails: (void *) -1. */
const readAndWrite = 3;
const privateAndAnonymous = process.platform === 'darwin' ? 0x1002 : 0x22;
const failed = 2 ** 64;

/**
 * A TF_Tensor of float32 in pages of its own, which go back to the kernel with it. In TensorFlow's
 * pool, which doubles when it grows, weights would lie
 * scattered, and activations find no place between them (docs/decisions/engine.md).
 * @param bytes More than 0.
 * @param write Fills the array, which is this memory: nothing may hold it afterwards.
 */
export function lastingTensor(
  { api, memory }: { readonly api: TensorflowApi; readonly memory: Memory },
  shape: readonly number[],
  bytes: number,
  write: (values: Float32Array) => void,
): Pointer {
  const at = memory.libc.map(0, bytes, readAndWrite, privateAndAnonymous, -1, 0);
  const wanted = `${bytes} bytes of memory for a tensor of shape [${shape.join(', ')}]`;
  ensure(
    Number(at) < failed,
    'tensorflow',
    wanted,
    'none',
    "end other programs, or raise this process's limit (ulimit -v)",
  );
  // TensorFlow calls munmap(address, bytes, 0) when the last tensor on it is gone, on whatever
  // thread.
  const tensor = api.TF_NewTensor(
    dataType.float32,
    memory.putIntegers(shape),
    shape.length,
    at,
    bytes,
    memory.libc.unmap,
    0,
  );
  try {
    write(new Float32Array(koffi.view(BigInt(at), bytes)));
  } catch (error) {
    api.TF_DeleteTensor(tensor);
    throw error;
  }
  return tensor;
}
