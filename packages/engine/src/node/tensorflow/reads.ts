import { markAsUntransferable } from 'node:worker_threads';
import koffi from 'koffi';
import type { Pointer, TensorflowApi } from './c/api.ts';
import { callLater } from './c/later.ts';
import { dataType, stringBytes } from './constants.ts';
import { expectOk } from './context.ts';
import type { Memory } from './memory.ts';

/** What a tensor holds in JavaScript: strings are the bytes of each. */
export type TensorValues = Float32Array | Int32Array | Uint8Array | BigInt64Array | Uint8Array[];

/** Up to here a copy (20 µs) takes less than the way through another thread (60–100 µs). */
export const smallBytes = 2 ** 18;

const where = 'reading a tensor';

/**
 * Brings values to JavaScript. What it hands out may be written into, and on the host a TF_Tensor
 * shares its memory with the tensor it came from:
 * it is copied, unless nobody else holds that memory (it came from a GPU, or the tensor has been
 * disposed of meanwhile).
 */
export class Reader {
  readonly #api: TensorflowApi;
  readonly #memory: Memory;
  /** Tensors whose memory an array looks into: they go when the array is collected. */
  readonly #lent: FinalizationRegistry<Pointer>;

  constructor(api: TensorflowApi, memory: Memory) {
    this.#api = api;
    this.#memory = memory;
    this.#lent = new FinalizationRegistry((tensor) => api.TF_DeleteTensor(tensor));
  }

  /** Waits for the tensor. @throws Error with TensorFlow's message. */
  now(handle: Pointer, dtype: number, status: Pointer): TensorValues {
    const tensor = this.#api.TFE_TensorHandleResolve(handle, status);
    expectOk(this.#api, status, where);
    const lent = this.#lend(tensor, dtype);
    if (lent !== undefined) return lent;
    try {
      return this.#copy(tensor, dtype);
    } finally {
      this.#api.TF_DeleteTensor(tensor);
    }
  }

  /**
   * The same with the event loop free: it waits and copies on another thread. The handle may be
   * deleted meanwhile.
   */
  async later(handle: Pointer, dtype: number): Promise<TensorValues> {
    const tensor = await this.#resolveLater(handle);
    const lent = this.#lend(tensor, dtype);
    if (lent !== undefined) return lent;
    try {
      const bytes = this.#api.TF_TensorByteSize(tensor);
      if (dtype === dataType.string || bytes <= smallBytes) return this.#copy(tensor, dtype);
      const copy = new ArrayBuffer(bytes);
      await callLater(
        this.#memory.libc.copyOut,
        new Uint8Array(copy),
        this.#api.TF_TensorData(tensor),
        bytes,
      );
      return typed(copy, dtype);
    } finally {
      this.#api.TF_DeleteTensor(tensor);
    }
  }

  /**
   * On a handle and a status of its own: those of others may go or change while another thread uses
   * them.
   */
  async #resolveLater(handle: Pointer): Promise<Pointer> {
    const status = this.#api.TF_NewStatus();
    const own = this.#api.TFE_TensorHandleCopySharingTensor(handle, status);
    try {
      expectOk(this.#api, status, where);
      const tensor = await callLater(this.#api.TFE_TensorHandleResolve, own, status);
      expectOk(this.#api, status, where);
      return tensor;
    } finally {
      this.#api.TFE_DeleteTensorHandle(own);
      this.#api.TF_DeleteStatus(status);
    }
  }

  /** A view of a large tensor that nobody else holds, or undefined. */
  #lend(tensor: Pointer, dtype: number): TensorValues | undefined {
    const bytes = this.#api.TF_TensorByteSize(tensor);
    if (
      dtype === dataType.string ||
      bytes <= smallBytes ||
      this.#api.TF_TensorMaybeMove(tensor) === 0
    )
      return undefined;
    const view = koffi.view(BigInt(this.#api.TF_TensorData(tensor)), bytes);
    forbidTransfer(view);
    this.#lent.register(view, tensor);
    return typed(view, dtype);
  }

  #copy(tensor: Pointer, dtype: number): TensorValues {
    const length = this.#api.TF_TensorByteSize(tensor);
    const data = this.#api.TF_TensorData(tensor);
    if (dtype === dataType.string)
      return Array.from({ length: length / stringBytes }, (_, at) =>
        this.#string(data + at * stringBytes),
      );
    return typed(this.#copyOut(data, length).buffer, dtype);
  }

  #string(at: Pointer): Uint8Array {
    return this.#copyOut(this.#api.TF_StringGetDataPointer(at), this.#api.TF_StringGetSize(at));
  }

  #copyOut(from: Pointer, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    if (length > 0) this.#memory.libc.copyOut(bytes, from, length);
    return bytes;
  }
}

function typed(bytes: ArrayBuffer, dtype: number): Exclude<TensorValues, Uint8Array[]> {
  if (dtype === dataType.float32 || dtype === dataType.complex64) return new Float32Array(bytes);
  if (dtype === dataType.int32) return new Int32Array(bytes);
  if (dtype === dataType.int64) return new BigInt64Array(bytes);
  return new Uint8Array(bytes);
}

/** A buffer that took the memory over would outlive the one whose end frees it. */
function forbidTransfer(view: ArrayBuffer): void {
  markAsUntransferable(view);
  const refuse = (): never => {
    throw new TypeError(
      'transfer: expected memory of JavaScript, got a tensor’s; copy it with slice().',
    );
  };
  for (const name of ['transfer', 'transferToFixedLength'])
    Object.defineProperty(view, name, { value: refuse });
}
