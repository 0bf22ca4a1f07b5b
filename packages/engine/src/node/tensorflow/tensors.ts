import type { Pointer, TensorflowApi } from './c/api.ts';
import { dataType, elementBytes, stringBytes } from './constants.ts';
import { type Context, expectOk } from './context.ts';
import { lastingTensor } from './lasting.ts';
import type { Memory } from './memory.ts';
import { Reader, smallBytes, type TensorValues } from './reads.ts';
import { makeTensor } from './writes.ts';

export type { TensorValues } from './reads.ts';

/** What TF.js's backend wants to know of an output (`TensorMetadata`). */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

interface Entry {
  readonly handle: Pointer;
  readonly dtype: number;
}

/** TensorFlow's tensors by the ids that TF.js's backend knows them by. */
export class Tensors {
  readonly #api: TensorflowApi;
  readonly #context: Context;
  readonly #memory: Memory;
  /** The device tensors are copied to, where it is not the host. */
  readonly #device: string | undefined;
  readonly #reader: Reader;
  readonly #entries = new Map<number, Entry>();
  #nextId = 0;

  constructor(api: TensorflowApi, context: Context, memory: Memory, device?: string) {
    this.#api = api;
    this.#context = context;
    this.#memory = memory;
    this.#device = device;
    this.#reader = new Reader(api, memory);
  }

  get count(): number {
    return this.#entries.size;
  }

  /** @param values As many as the shape says; int64 may come as pairs of int32. */
  create(shape: readonly number[], dtype: number, values: TensorValues): number {
    return this.#take(this.copyIn(shape, dtype, values), dtype);
  }

  /** float32, in memory of its own. @param write See `lastingTensor`. */
  lasting(shape: readonly number[], bytes: number, write: (values: Float32Array) => void): number {
    return this.#take(
      lastingTensor({ api: this.#api, memory: this.#memory }, shape, bytes, write),
      dataType.float32,
    );
  }

  #take(tensor: Pointer, dtype: number): number {
    const handle = this.#api.TFE_NewTensorHandle(tensor, this.#context.status);
    this.#api.TF_DeleteTensor(tensor);
    expectOk(this.#api, this.#context.status, 'making a tensor');
    return this.keep(this.#onDevice(handle, dtype), dtype);
  }

  /** A TF_Tensor on the host with a copy of the values; the caller's to delete. */
  copyIn(shape: readonly number[], dtype: number, values: TensorValues): Pointer {
    return makeTensor(this.#api, this.#memory, shape, dtype, values);
  }

  /** Takes over the handle of an op's output. */
  adopt(handle: Pointer): TensorMetadata {
    const dtype = this.#api.TFE_TensorHandleDataType(handle);
    return { id: this.keep(handle, dtype), shape: this.#shapeOf(handle), dtype };
  }

  /** Takes over a handle. @returns Its id. */
  keep(handle: Pointer, dtype: number): number {
    const id = this.#nextId++;
    this.#entries.set(id, { handle, dtype });
    return id;
  }

  handle(id: number): Pointer {
    return this.#entry(id).handle;
  }

  delete(id: number): void {
    this.#api.TFE_DeleteTensorHandle(this.#entry(id).handle);
    this.#entries.delete(id);
  }

  /** Waits for the tensor. @returns Its values, the caller's to write into. */
  read(id: number): TensorValues {
    const { handle, dtype } = this.#entry(id);
    return this.#reader.now(handle, dtype, this.#context.status);
  }

  /**
   * The same with the event loop free, unless the values are at hand and few. The tensor may be
   * deleted meanwhile.
   */
  async readLater(id: number): Promise<TensorValues> {
    const entry = this.#entry(id);
    return this.#onHost(entry.handle) && this.#bytesOf(entry) <= smallBytes
      ? this.read(id)
      : this.#reader.later(entry.handle, entry.dtype);
  }

  #entry(id: number): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined)
      throw new Error(
        `tensorflow: expected a live tensor, got id ${id}, which was deleted or never made.`,
      );
    return entry;
  }

  #shapeOf(handle: Pointer): number[] {
    const { status } = this.#context;
    const rank = this.#api.TFE_TensorHandleNumDims(handle, status);
    const shape: number[] = [];
    for (let axis = 0; axis < rank; axis++)
      shape.push(this.#api.TFE_TensorHandleDim(handle, axis, status));
    return shape;
  }

  #bytesOf({ handle, dtype }: Entry): number {
    const element = dtype === dataType.string ? stringBytes : (elementBytes[dtype] ?? 0);
    return this.#shapeOf(handle).reduce((product, side) => product * side, element);
  }

  /**
   * With a GPU an op decides by itself where its output lies; without one a tensor is complete when
   * its op returns.
   */
  #onHost(handle: Pointer): boolean {
    return (
      this.#device === undefined ||
      this.#api.TFE_TensorHandleBackingDeviceName(handle, this.#context.status).includes('CPU')
    );
  }

  /** int32 stays on the host, where TensorFlow's GPU kernels want shapes, axes and sizes. */
  #onDevice(handle: Pointer, dtype: number): Pointer {
    if (this.#device === undefined || dtype === dataType.int32 || dtype === dataType.string)
      return handle;
    const { at, status } = this.#context;
    const copy = this.#api.TFE_TensorHandleCopyToDevice(
      handle,
      at,
      this.#memory.string(this.#device).at,
      status,
    );
    this.#api.TFE_DeleteTensorHandle(handle);
    expectOk(this.#api, status, 'copying a tensor to its device');
    return copy;
  }
}
