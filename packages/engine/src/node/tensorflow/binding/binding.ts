import {
  type Attribute,
  type AttributeSetters,
  eagerSetters,
  setAttribute,
} from '../capi/attributes.ts';
import { assertOk } from '../capi/context.ts';
import type { Runtime } from '../capi/runtime.ts';
import { attributeType, dataType } from '../capi/types.ts';
import type { GraphContext } from '../graph/graphBuilder.ts';
import { OpDefs } from '../graph/opDefs.ts';
import { Tensors } from '../tensors/tensors.ts';
import type { TensorMetadata, TensorValues } from '../tensors/types.ts';
import { SymbolicIds } from '../trace/symbolic.ts';
import { Trace } from '../trace/tracer.ts';

/**
 * The interface through which tfjs-node's JavaScript half runs ops (`TFJSBinding` of its
 * dist/tfjs_binding.d.ts): ids in, ids out. Upstream's is a C++ addon; this one calls the C API, or
 * appends to the trace under way.
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
  readonly #graphContext: GraphContext;
  readonly #symbolicIds = new SymbolicIds();
  readonly #gpu: boolean;
  readonly #setters: AttributeSetters;
  #trace: Trace | undefined;

  constructor(runtime: Runtime) {
    const { api, context, memory } = runtime;
    const gpu = context.devices.find(({ type }) => type === 'GPU');
    this.TF_Version = api.TF_Version();
    this.runtime = runtime;
    this.#gpu = gpu !== undefined;
    this.tensors = new Tensors(api, context, memory, gpu?.name);
    this.#graphContext = { runtime, tensors: this.tensors, opDefs: new OpDefs(runtime) };
    this.#setters = eagerSetters(api, context.status);
  }

  /** The trace under way: ops are appended to it instead of being run. */
  get trace(): Trace | undefined {
    return this.#trace;
  }

  /** Traces the ops that `run` calls, instead of running them. Frees the graph afterwards. */
  tracing<Result>(run: (trace: Trace) => Result): Result {
    const trace = new Trace(this.#graphContext, this.#symbolicIds);
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
   * Runs one op at once, or appends it to the trace under way. Inputs of a list come one by one:
   * `N`, `T` give its length.
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
    assertOk(api, context.status, name);
    try {
      for (const id of inputIds) {
        api.TFE_OpAddInput(op, this.tensors.handle(id), context.status);
        assertOk(api, context.status, name);
      }
      for (const attribute of attributes) setAttribute(this.#setters, op, memory, attribute);
      memory.int32[0] = outputCount;
      api.TFE_Execute(op, memory.slot(1), memory.start, context.status);
      assertOk(api, context.status, name);
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
