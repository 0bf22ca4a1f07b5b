import type { AttributeSetters } from '../capi/attributes.ts';
import { type Attribute, graphSetters, setAttribute } from '../capi/attributes.ts';
import { assertOk } from '../capi/context.ts';
import type { Runtime } from '../capi/runtime.ts';
import { attributeType, dataType, type GraphOutput, type Pointer } from '../capi/types.ts';
import type { Tensors } from '../tensors/tensors.ts';
import type { TensorValues } from '../tensors/types.ts';
import { groupInputs, type OpDefs } from './opDefs.ts';

/** What all graphs of a process share. */
export interface GraphContext {
  readonly runtime: Runtime;
  readonly tensors: Tensors;
  readonly opDefs: OpDefs;
}

/** A call of an op, before it becomes a node. */
export interface OpCall {
  readonly op: string;
  readonly attributes: readonly Attribute[];
  /** One by one; tensors of a list follow each other. */
  readonly inputs: readonly GraphOutput[];
}

/** A node of the graph, with what the passes need to know of it. */
export interface GraphNode extends OpCall {
  readonly operation: Pointer;
  /** Shape of the first output; −1 for an unknown side, undefined if the rank is unknown. */
  readonly outputShape: readonly number[] | undefined;
  /** TF_DataType of the first output; undefined if there is none. */
  readonly outputDtype: number | undefined;
  /** Whether it has effects beyond its outputs. */
  readonly stateful: boolean;
  /** Only of a small constant: equal for equal constants. */
  readonly constant?: string;
}

/** A TF_Graph that grows node by node. */
export class GraphBuilder {
  readonly graph: Pointer;
  readonly nodes = new Map<Pointer, GraphNode>();
  readonly #context: GraphContext;
  readonly #constants = new Map<string, GraphNode>();
  readonly #setters: AttributeSetters;

  constructor(context: GraphContext) {
    const { api } = context.runtime;
    this.#context = context;
    this.graph = api.TF_NewGraph();
    this.#setters = graphSetters(api);
  }

  /**
   * Appends a node. @param inputs One by one; attributes have the lengths of lists. @throws Error
   * with the op's name if TensorFlow refuses it.
   */
  append(op: string, attributes: readonly Attribute[], inputs: readonly GraphOutput[]): GraphNode {
    const { runtime, opDefs } = this.#context;
    const { api, memory } = runtime;
    const definition = opDefs.find(this.graph, op);
    const groups = groupInputs(op, definition, attributes, inputs);
    const description = this.#begin(op);
    for (const group of groups) {
      if ('single' in group) api.TF_AddInput(description, group.single);
      else {
        group.list.forEach(({ operation, index }, at) => {
          memory.putPointer(2 * at, operation);
          memory.int32[4 * at + 2] = index;
        });
        api.TF_AddInputList(description, memory.start, group.list.length);
      }
    }
    for (const attribute of attributes) setAttribute(this.#setters, description, memory, attribute);
    return this.#finish(description, { op, attributes, inputs, stateful: definition.stateful });
  }

  /** Appends an input of the function. */
  placeholder(shape: readonly number[], dtype: number): GraphNode {
    const attributes = [
      { name: 'dtype', type: attributeType.type, value: dtype },
      { name: 'shape', type: attributeType.shape, value: shape },
    ];
    return this.append('Placeholder', attributes, []);
  }

  /** Appends a constant, or returns the node of an equal small one. */
  constant(shape: readonly number[], dtype: number, values: TensorValues): GraphNode {
    const key = constantKey(shape, dtype, values);
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const node = isConstantFill(values)
      ? this.#fill(shape, dtype, values)
      : this.#const(shape, dtype, values, key);
    if (key !== undefined) this.#constants.set(key, node);
    return node;
  }

  /** TF_DataType of an output. */
  typeOf(output: GraphOutput): number {
    return this.#context.runtime.api.TF_OperationOutputType(output);
  }

  /** @returns undefined if the rank is unknown; −1 for an unknown side. */
  shapeOf(output: GraphOutput): number[] | undefined {
    const { api, context, memory } = this.#context.runtime;
    const rank = api.TF_GraphGetTensorNumDims(this.graph, output, context.status);
    assertOk(api, context.status, 'TF_GraphGetTensorNumDims');
    if (rank < 0) return undefined;
    if (rank > 0)
      api.TF_GraphGetTensorShape(this.graph, output, memory.start, rank, context.status);
    return Array.from({ length: rank }, (_, axis) => Number(memory.int64[axis]));
  }

  delete(): void {
    this.#context.runtime.api.TF_DeleteGraph(this.graph);
  }

  #const(
    shape: readonly number[],
    dtype: number,
    values: TensorValues,
    key: string | undefined,
  ): GraphNode {
    const { runtime, tensors } = this.#context;
    const { api, context, memory } = runtime;
    const tensor = tensors.createOnHost(shape, dtype, values);
    const description = this.#begin('Const');
    api.TF_SetAttrType(description, memory.string('dtype').at, dtype);
    api.TF_SetAttrTensor(description, memory.string('value').at, tensor, context.status);
    const node = this.#finish(description, {
      op: 'Const',
      attributes: [],
      inputs: [],
      stateful: false,
      ...(key !== undefined && { constant: key }),
    });
    api.TF_DeleteTensor(tensor);
    return node;
  }

  /** A large constant of one value, computed at the call. */
  #fill(shape: readonly number[], dtype: number, values: NumericValues): GraphNode {
    const sides = this.constant([shape.length], dataType.int32, Int32Array.from(shape));
    const value = this.constant([], dtype, values.subarray(0, 1));
    return this.append(
      'Fill',
      [{ name: 'T', type: attributeType.type, value: dtype }],
      [
        { operation: sides.operation, index: 0 },
        { operation: value.operation, index: 0 },
      ],
    );
  }

  #begin(op: string): Pointer {
    const { api, memory } = this.#context.runtime;
    return api.TF_NewOperation(this.graph, memory.string(op).at, `${op}_${this.nodes.size}`);
  }

  #finish(
    description: Pointer,
    begun: Omit<GraphNode, 'operation' | 'outputShape' | 'outputDtype'>,
  ): GraphNode {
    const { api, context } = this.#context.runtime;
    const operation = api.TF_FinishOperation(description, context.status);
    assertOk(api, context.status, begun.op);
    const first = { operation, index: 0 };
    const hasOutput = api.TF_OperationNumOutputs(operation) > 0;
    const output = hasOutput
      ? { outputShape: this.shapeOf(first), outputDtype: this.typeOf(first) }
      : { outputShape: [], outputDtype: undefined };
    const node: GraphNode = { ...begun, operation, ...output };
    this.nodes.set(operation, node);
    return node;
  }
}

type NumericValues = Float32Array | Int32Array | Uint8Array;

/**
 * Up to here equal constants share a node: shapes, axes and scalars, of which a graph has hundreds.
 */
const smallBytes = 256;
/**
 * From here on a constant of one value (TF.js's zeros and ones) is filled in at the call: as a
 * constant it would lie in memory several times.
 */
const largeBytes = 2 ** 16;

/** Equal for equal constants; undefined for those too large to compare, and for strings. */
function constantKey(
  shape: readonly number[],
  dtype: number,
  values: TensorValues,
): string | undefined {
  if (Array.isArray(values) || values.byteLength > smallBytes) return undefined;
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return `${dtype} ${shape.join()} ${bytes.toString('latin1')}`;
}

/** Whether a large constant has the same number everywhere. */
function isConstantFill(values: TensorValues): values is NumericValues {
  if (Array.isArray(values) || values instanceof BigInt64Array || values.byteLength < largeBytes)
    return false;
  const [first] = values;
  return (values as Float32Array).every((value) => Object.is(value, first));
}
