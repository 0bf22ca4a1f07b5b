import type { Pointer, TensorflowApi } from './c/api.ts';
import { dataType, elementBytes, stringBytes } from './constants.ts';
import { type Context, expectOk } from './context.ts';
import type { Memory } from './memory.ts';

/** What a tensor holds in JavaScript: strings are the bytes of each. */
export type TensorValues = Float32Array | Int32Array | Uint8Array | BigInt64Array | Uint8Array[];

/** What TF.js's backend wants to know of an output (`TensorMetadata`). */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** TensorFlow's tensors by the ids that TF.js's backend knows them by. */
export class Tensors {
  readonly #api: TensorflowApi;
  readonly #context: Context;
  readonly #memory: Memory;
  /** The device tensors are copied to, where it is not the host. */
  readonly #device: string | undefined;
  readonly #handles = new Map<number, { readonly handle: Pointer; readonly dtype: number }>();
  #nextId = 0;

  constructor(api: TensorflowApi, context: Context, memory: Memory, device?: string) {
    this.#api = api;
    this.#context = context;
    this.#memory = memory;
    this.#device = device;
  }

  get count(): number {
    return this.#handles.size;
  }

  /** @param values As many as the shape says; int64 comes as pairs of int32. */
  create(shape: readonly number[], dtype: number, values: TensorValues): number {
    const tensor =
      dtype === dataType.string ? this.#fromStrings(shape, values as Uint8Array[]) : this.#fromNumbers(shape, dtype, values as Float32Array);
    const handle = this.#api.TFE_NewTensorHandle(tensor, this.#context.status);
    this.#api.TF_DeleteTensor(tensor);
    expectOk(this.#api, this.#context.status, 'TFE_NewTensorHandle');
    return this.#keep(this.#onDevice(handle, dtype), dtype);
  }

  /** Takes over the handle of an op's output. */
  adopt(handle: Pointer): TensorMetadata {
    const { status } = this.#context;
    const rank = this.#api.TFE_TensorHandleNumDims(handle, status);
    const shape: number[] = [];
    for (let axis = 0; axis < rank; axis++) shape.push(this.#api.TFE_TensorHandleDim(handle, axis, status));
    const dtype = this.#api.TFE_TensorHandleDataType(handle);
    return { id: this.#keep(handle, dtype), shape, dtype };
  }

  handle(id: number): Pointer {
    return this.#entry(id).handle;
  }

  delete(id: number): void {
    this.#api.TFE_DeleteTensorHandle(this.#entry(id).handle);
    this.#handles.delete(id);
  }

  /** Waits for the tensor and copies it out. */
  read(id: number): TensorValues {
    const { handle, dtype } = this.#entry(id);
    const tensor = this.#api.TFE_TensorHandleResolve(handle, this.#context.status);
    expectOk(this.#api, this.#context.status, 'TFE_TensorHandleResolve');
    try {
      return this.#values(tensor, dtype);
    } finally {
      this.#api.TF_DeleteTensor(tensor);
    }
  }

  #entry(id: number): { readonly handle: Pointer; readonly dtype: number } {
    const entry = this.#handles.get(id);
    if (entry === undefined) throw new Error(`tensorflow: expected a live tensor, got id ${id}, which was deleted or never made.`);
    return entry;
  }

  #keep(handle: Pointer, dtype: number): number {
    const id = this.#nextId++;
    this.#handles.set(id, { handle, dtype });
    return id;
  }

  /** int32 stays on the host, where TensorFlow's GPU kernels want it too. */
  #onDevice(handle: Pointer, dtype: number): Pointer {
    if (this.#device === undefined || dtype === dataType.int32 || dtype === dataType.string) return handle;
    const { at, status } = this.#context;
    const copy = this.#api.TFE_TensorHandleCopyToDevice(handle, at, this.#memory.string(this.#device).at, status);
    this.#api.TFE_DeleteTensorHandle(handle);
    expectOk(this.#api, status, 'TFE_TensorHandleCopyToDevice');
    return copy;
  }

  #fromNumbers(shape: readonly number[], dtype: number, values: Exclude<TensorValues, Uint8Array[]>): Pointer {
    const bytes = shape.reduce((product, side) => product * side, elementBytes[dtype] ?? Number.NaN);
    if (values.byteLength !== bytes) {
      throw new Error(`tensorflow: expected ${bytes} bytes for shape [${shape.join(', ')}] of type ${dtype}, got ${values.byteLength}.`);
    }
    const tensor = this.#api.TF_AllocateTensor(dtype, this.#memory.putIntegers(shape), shape.length, bytes);
    if (bytes > 0) this.#memory.libc.copyIn(this.#api.TF_TensorData(tensor), values, bytes);
    return tensor;
  }

  #fromStrings(shape: readonly number[], values: readonly Uint8Array[]): Pointer {
    const tensor = this.#api.TF_AllocateTensor(dataType.string, this.#memory.putIntegers(shape), shape.length, values.length * stringBytes);
    const start = this.#api.TF_TensorData(tensor);
    values.forEach((value, at) => {
      this.#api.TF_StringInit(start + at * stringBytes);
      this.#api.TF_StringCopy(start + at * stringBytes, value, value.length);
    });
    return tensor;
  }

  #values(tensor: Pointer, dtype: number): TensorValues {
    const length = this.#api.TF_TensorByteSize(tensor);
    const data = this.#api.TF_TensorData(tensor);
    if (dtype === dataType.string) return Array.from({ length: length / stringBytes }, (_, at) => this.#string(data + at * stringBytes));
    const bytes = this.#copyOut(data, length);
    if (dtype === dataType.float32 || dtype === dataType.complex64) return new Float32Array(bytes.buffer);
    if (dtype === dataType.int32) return new Int32Array(bytes.buffer);
    if (dtype === dataType.int64) return new BigInt64Array(bytes.buffer);
    return bytes;
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
