import type { Runtime } from '../binding.ts';
import { expectOk } from '../context.ts';

/** Whether the library can run an op on some device: parts of TensorFlow may be left out of it. */
export function hasKernel({ api, context, memory }: Runtime, op: string): boolean {
  const buffer = api.TF_GetRegisteredKernelsForOp(op, context.status);
  expectOk(api, context.status, op);
  // TF_Buffer { const void* data; size_t length; … } of a KernelList.
  memory.libc.copyOut(memory.bytes.subarray(0, 16), buffer, 16);
  const length = memory.pointerAt(1);
  api.TF_DeleteBuffer(buffer);
  return length > 0;
}
