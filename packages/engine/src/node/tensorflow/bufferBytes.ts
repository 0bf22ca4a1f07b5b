import type { Pointer } from './c/api.ts';
import type { Memory } from './memory.ts';

/** A copy of what a TF_Buffer { const void* data; size_t length; … } holds. */
export function bufferBytes(memory: Memory, buffer: Pointer): Uint8Array {
  memory.libc.copyOut(memory.bytes.subarray(0, 16), buffer, 16);
  const bytes = new Uint8Array(memory.pointerAt(1));
  memory.libc.copyOut(bytes, memory.pointerAt(0), bytes.length);
  return bytes;
}
