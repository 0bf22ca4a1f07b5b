import { type Attribute, type AttributeSetters, eagerSetters, setAttribute } from './attributes.ts';
import type { Pointer, TensorflowApi } from './c/api.ts';
import { attributeType, dataType } from './constants.ts';
import { type Context, expectOk } from './context.ts';
import type { Memory } from './memory.ts';
import { type TensorMetadata, Tensors, type TensorValues } from './tensors.ts';
import type { Workshop } from './trace/graphBuilder.ts';
import { OpDefinitions } from './trace/opDefinitions.ts';
import { SymbolicIds } from './trace/symbolic.ts';
import { Trace } from './trace/trace.ts';

/** What stays the same for a process: the library, its context, and memory to talk through. */
export interface Runtime {
  readonly api: TensorflowApi;
  readonly context: Context;
  readonly memory: Memory;
}

/**
 * What the JavaScript half of tfjs-node talks to (`TFJSBinding` of its dist/tfjs_binding.d.ts): ids
 * in, ids out.
 * Upstream's is a C++ addon; this one calls the C API itself.
 */
export class Binding {
  readonly TF_FLOAT = dataType.float32;
  readonly TF_INT32 = dataType.int32;
  readonly TF_INT64 = dataType.int64;
  readonly TF_BOOL = dataType.bool;
  readonly TF_COMPLEX64 = dataType.complex64;
  readonly TF_STRING = dataType.string;
  readonly TF_RESOURCE = dataType.resource;
  readonly TF_UINT8 = dataType.uint8;
  readonly TF_ATTR_STRING = attributeType.string;
  readonly TF_ATTR_INT = attributeType.int;
  readonly TF_ATTR_FLOAT = attributeType.float;
  readonly TF_ATTR_BOOL = attributeType.bool;
  readonly TF_ATTR_TYPE = attributeType.type;
  readonly TF_ATTR_SHAPE = attributeType.shape;
  readonly TF_Version: string;
  readonly runtime: Runtime;
  readonly tensors: Tensors;
  readonly #workshop: Workshop;
  readonly #symbolicIds = new SymbolicIds();
  readonly #gpu: boolean;
  readonly #current: { op: Pointer } = { op: 0 };
  readonly #setters: AttributeSetters;
  #trace: Trace | undefined;

  constructor(runtime: Runtime) {
    const { api, context, memory } = runtime;
    const gpu = context.devices.find(({ type }) => type === 'GPU');
    this.TF_Version = api.TF_Version();
    this.runtime = runtime;
    this.#gpu = gpu !== undefined;
    this.tensors = new Tensors(api, context, memory, gpu?.name);
    this.#workshop = { runtime, tensors: this.tensors, definitions: new OpDefinitions(runtime) };
    this.#setters = eagerSetters(api, context.status, this.#current);
  }

  /** The trace under way: what is run now is recorded. */
  get trace(): Trace | undefined {
    return this.#trace;
  }

  /** Records what `run` runs instead of running it. The graph is freed afterwards. */
  tracing<Result>(run: (trace: Trace) => Result): Result {
    const trace = new Trace(this.#workshop, this.#symbolicIds);
    this.#trace = trace;
    try {
      return run(trace);
    } finally {
      this.#trace = undefined;
      trace.close();
    }
  }

  createTensor(shape: readonly number[], dtype: number, values: TensorValues): number {
    return this.tensors.create(shape, dtype, values);
  }

  deleteTensor(id: number): void {
    this.tensors.delete(id);
  }

  tensorDataSync(id: number): TensorValues {
    return this.tensors.read(id);
  }

  /**
   * Runs one op at once, or records it in the trace under way. Inputs that belong to a list come
   * one by one: `N`, `T` say where the list ends.
   */
  executeOp(
    name: string,
    attributes: readonly Attribute[],
    inputIds: readonly number[],
    outputCount: number,
  ): TensorMetadata[] {
    if (this.#trace !== undefined) return this.#trace.run(name, attributes, inputIds, outputCount);
    const { api, context, memory } = this.runtime;
    const op = api.TFE_NewOp(context.at, memory.string(name).at, context.status);
    expectOk(api, context.status, name);
    try {
      for (const id of inputIds) {
        api.TFE_OpAddInput(op, this.tensors.handle(id), context.status);
        expectOk(api, context.status, name);
      }
      this.#current.op = op;
      for (const attribute of attributes) setAttribute(this.#setters, memory, attribute);
      memory.int32[0] = outputCount;
      api.TFE_Execute(op, memory.slot(1), memory.scratch, context.status);
      expectOk(api, context.status, name);
    } finally {
      api.TFE_DeleteOp(op);
    }
    return this.#outputs(outputCount);
  }

  #outputs(count: number): TensorMetadata[] {
    const handles = Array.from({ length: count }, (_, at) => this.runtime.memory.pointerAt(1 + at));
    return handles.map((handle) => this.tensors.adopt(handle));
  }

  getNumOfTensors(): number {
    return this.tensors.count;
  }

  isUsingGpuDevice(): boolean {
    return this.#gpu;
  }
}
