import type { TensorflowApi } from '../capi/api.ts';
import { assertOk, type Context } from '../capi/context.ts';
import type { ScratchArena } from '../capi/scratchArena.ts';
import { dataType, elementBytes, type Pointer, stringBytes } from '../capi/types.ts';
import { createTensor, mmapTensor } from './createTensor.ts';
import { smallBytes, TensorReader } from './readTensor.ts';
import type { TensorMetadata, TensorValues } from './types.ts';

interface Entry {
  readonly handle: Pointer;
  readonly dtype: number;
}

/** The live tensors of TensorFlow, by the ids under which TF.js's backend holds them. */
export class Tensors {
  readonly #api: TensorflowApi;
  readonly #context: Context;
  readonly #memory: ScratchArena;
  /** The device that tensors are copied to, unless it is the host. */
  readonly #device: string | undefined;
  readonly #reader: TensorReader;
  readonly #entries = new Map<number, Entry>();
  #nextId = 0;

  constructor(api: TensorflowApi, context: Context, memory: ScratchArena, device?: string) {
    this.#api = api;
    this.#context = context;
    this.#memory = memory;
    this.#device = device;
    this.#reader = new TensorReader(api, memory);
  }

  get count(): number {
    return this.#entries.size;
  }

  /** @param values As many as the shape has; int64 may come as pairs of int32. */
  create(shape: readonly number[], dtype: number, values: TensorValues): number {
    return this.#take(this.createOnHost(shape, dtype, values), dtype);
  }

  /** Creates a float32 tensor in pages of its own. @param write See `mmapTensor`. */
  createMapped(
    shape: readonly number[],
    bytes: number,
    write: (values: Float32Array) => void,
  ): number {
    return this.#take(
      mmapTensor({ api: this.#api, memory: this.#memory }, shape, bytes, write),
      dataType.float32,
    );
  }

  #take(tensor: Pointer, dtype: number): number {
    const handle = this.#api.TFE_NewTensorHandle(tensor, this.#context.status);
    this.#api.TF_DeleteTensor(tensor);
    assertOk(this.#api, this.#context.status, 'creating a tensor');
    return this.register(this.#onDevice(handle, dtype), dtype);
  }

  /** A TF_Tensor on the host with a copy of the values. The caller deletes it. */
  createOnHost(shape: readonly number[], dtype: number, values: TensorValues): Pointer {
    return createTensor(this.#api, this.#memory, shape, dtype, values);
  }

  /** Takes ownership of the handle of an op's output. */
  adopt(handle: Pointer): TensorMetadata {
    const dtype = this.#api.TFE_TensorHandleDataType(handle);
    return { id: this.register(handle, dtype), shape: this.#shapeOf(handle), dtype };
  }

  /** Takes ownership of a handle. @returns Its id. */
  register(handle: Pointer, dtype: number): number {
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

  /** Waits for the tensor. @returns Its values in an array that the caller may write into. */
  read(id: number): TensorValues {
    const { handle, dtype } = this.#entry(id);
    return this.#reader.read(handle, dtype, this.#context.status);
  }

  /**
   * Reads without blocking the event loop, unless the values are few and on the host. The tensor
   * may be deleted meanwhile.
   */
  async readAsync(id: number): Promise<TensorValues> {
    const entry = this.#entry(id);
    return this.#onHost(entry.handle) && this.#bytesOf(entry) <= smallBytes
      ? this.read(id)
      : this.#reader.readAsync(entry.handle, entry.dtype);
  }

  #entry(id: number): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined)
      throw new Error(
        `tensorflow: expected a live tensor, got id ${id}, which was deleted or never created.`,
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
   * With a GPU each op decides where its output lies; without one a tensor is complete when its op
   * returns.
   */
  #onHost(handle: Pointer): boolean {
    return (
      this.#device === undefined ||
      this.#api.TFE_TensorHandleBackingDeviceName(handle, this.#context.status).includes('CPU')
    );
  }

  /** int32 stays on the host, where TensorFlow's GPU kernels need shapes, axes and sizes. */
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
    assertOk(this.#api, status, 'copying a tensor to its device');
    return copy;
  }
}
