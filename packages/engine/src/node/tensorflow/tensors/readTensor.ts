import { markAsUntransferable } from 'node:worker_threads';
import koffi from 'koffi';
import { callOnThreadPool, type TensorflowApi } from '../capi/api.ts';
import { assertOk } from '../capi/context.ts';
import type { ScratchArena } from '../capi/scratchArena.ts';
import { dataType, type Pointer, stringBytes } from '../capi/types.ts';
import type { TensorValues } from './types.ts';

/** Up to here a copy (20 µs) takes less time than a call on another thread (60–100 µs). */
export const smallBytes = 2 ** 18;

const readCaller = 'reading a tensor';

/**
 * Copies values to JavaScript. The caller may write into the array, and on the host a TF_Tensor
 * shares its memory with the tensor it was resolved from. Only memory that nobody else holds is
 * lent without a copy: it came from a GPU, or the tensor has been disposed meanwhile.
 */
export class TensorReader {
  readonly #api: TensorflowApi;
  readonly #memory: ScratchArena;
  /** Tensors whose memory an array views: they are deleted when the array is collected. */
  readonly #lent: FinalizationRegistry<Pointer>;

  constructor(api: TensorflowApi, memory: ScratchArena) {
    this.#api = api;
    this.#memory = memory;
    this.#lent = new FinalizationRegistry((tensor) => api.TF_DeleteTensor(tensor));
  }

  /** Waits for the tensor. @throws Error with TensorFlow's message. */
  read(handle: Pointer, dtype: number, status: Pointer): TensorValues {
    const tensor = this.#api.TFE_TensorHandleResolve(handle, status);
    assertOk(this.#api, status, readCaller);
    const lent = this.#lend(tensor, dtype);
    if (lent !== undefined) return lent;
    try {
      return this.#copy(tensor, dtype);
    } finally {
      this.#api.TF_DeleteTensor(tensor);
    }
  }

  /**
   * Waits and copies on another thread, so that the event loop stays free. The handle may be
   * deleted meanwhile.
   */
  async readAsync(handle: Pointer, dtype: number): Promise<TensorValues> {
    const tensor = await this.#resolveLater(handle);
    const lent = this.#lend(tensor, dtype);
    if (lent !== undefined) return lent;
    try {
      const bytes = this.#api.TF_TensorByteSize(tensor);
      if (dtype === dataType.string || bytes <= smallBytes) return this.#copy(tensor, dtype);
      const copy = new ArrayBuffer(bytes);
      await callOnThreadPool(
        this.#memory.libc.copyOut,
        new Uint8Array(copy),
        this.#api.TF_TensorData(tensor),
        bytes,
      );
      return asTypedArray(copy, dtype);
    } finally {
      this.#api.TF_DeleteTensor(tensor);
    }
  }

  /**
   * With a handle and a status of its own: shared ones may be deleted or change while another
   * thread uses them.
   */
  async #resolveLater(handle: Pointer): Promise<Pointer> {
    const status = this.#api.TF_NewStatus();
    const own = this.#api.TFE_TensorHandleCopySharingTensor(handle, status);
    try {
      assertOk(this.#api, status, readCaller);
      const tensor = await callOnThreadPool(this.#api.TFE_TensorHandleResolve, own, status);
      assertOk(this.#api, status, readCaller);
      return tensor;
    } finally {
      this.#api.TFE_DeleteTensorHandle(own);
      this.#api.TF_DeleteStatus(status);
    }
  }

  /** A view of a large tensor that nobody else holds; undefined for any other. */
  #lend(tensor: Pointer, dtype: number): TensorValues | undefined {
    const bytes = this.#api.TF_TensorByteSize(tensor);
    if (
      dtype === dataType.string ||
      bytes <= smallBytes ||
      this.#api.TF_TensorMaybeMove(tensor) === 0
    )
      return undefined;
    const view = koffi.view(BigInt(this.#api.TF_TensorData(tensor)), bytes);
    preventTransfer(view);
    this.#lent.register(view, tensor);
    return asTypedArray(view, dtype);
  }

  #copy(tensor: Pointer, dtype: number): TensorValues {
    const length = this.#api.TF_TensorByteSize(tensor);
    const data = this.#api.TF_TensorData(tensor);
    if (dtype === dataType.string)
      return Array.from({ length: length / stringBytes }, (_, at) =>
        this.#string(data + at * stringBytes),
      );
    return asTypedArray(this.#copyOut(data, length).buffer, dtype);
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

function asTypedArray(bytes: ArrayBuffer, dtype: number): Exclude<TensorValues, Uint8Array[]> {
  if (dtype === dataType.float32 || dtype === dataType.complex64) return new Float32Array(bytes);
  if (dtype === dataType.int32) return new Int32Array(bytes);
  if (dtype === dataType.int64) return new BigInt64Array(bytes);
  return new Uint8Array(bytes);
}

/** A buffer that took the memory over would outlive the view whose collection frees it. */
function preventTransfer(view: ArrayBuffer): void {
  markAsUntransferable(view);
  const refuse = (): never => {
    throw new TypeError(
      'transfer: expected memory of JavaScript, got a tensor’s; copy it with slice().',
    );
  };
  for (const name of ['transfer', 'transferToFixedLength'])
    Object.defineProperty(view, name, { value: refuse });
}
