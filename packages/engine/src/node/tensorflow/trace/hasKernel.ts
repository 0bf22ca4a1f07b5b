import type { Runtime } from '../binding.ts';
import { bufferBytes } from '../bufferBytes.ts';
import { expectOk } from '../context.ts';

/** Whether the library can run an op on some device: parts of TensorFlow may be left out of it. */
export function hasKernel({ api, context, memory }: Runtime, op: string): boolean {
  const buffer = api.TF_GetRegisteredKernelsForOp(op, context.status);
  expectOk(api, context.status, op);
  const { length } = bufferBytes(memory, buffer);
  api.TF_DeleteBuffer(buffer);
  return length > 0;
}
