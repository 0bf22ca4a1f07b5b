import { type Attribute, type AttributeSetters, setAttribute } from '../attributes.ts';
import type { Runtime } from '../binding.ts';
import type { GraphOutput, Pointer } from '../c/api.ts';
import { attributeType } from '../constants.ts';
import { expectOk } from '../context.ts';
import type { Tensors, TensorValues } from '../tensors.ts';
import { constantKey } from './constants.ts';
import { graphSetters } from './graphSetters.ts';
import { groupInputs } from './inputLists.ts';
import type { OpDefinitions } from './opDefinitions.ts';

/** What all graphs share. */
export interface Workshop {
  readonly runtime: Runtime;
  readonly tensors: Tensors;
  readonly definitions: OpDefinitions;
}

/** A node of the graph, as far as choices about the whole function need it. */
export interface GraphNode {
  readonly op: string;
  readonly attributes: readonly Attribute[];
  readonly operation: Pointer;
  /** What it takes, one by one, lists too. */
  readonly inputs: readonly GraphOutput[];
  /** Of its first output; −1 for a side that is not known, undefined where the rank is not. */
  readonly outputShape: readonly number[] | undefined;
  /** Of its first output; undefined where there is none. */
  readonly outputDtype: number | undefined;
  /** Whether it acts on more than its outputs. */
  readonly stateful: boolean;
  /** Of a small constant: equal for equal ones. */
  readonly constant?: string;
}

/** A TF_Graph that grows node by node. */
export class GraphBuilder {
  readonly graph: Pointer;
  readonly nodes = new Map<Pointer, GraphNode>();
  readonly #workshop: Workshop;
  readonly #current: { node: Pointer } = { node: 0 };
  readonly #setters: AttributeSetters;

  constructor(workshop: Workshop) {
    const { api } = workshop.runtime;
    this.#workshop = workshop;
    this.graph = api.TF_NewGraph();
    this.#setters = graphSetters(api, this.#current);
  }

  /**
   * @param inputs One by one, lists too: attributes say where they end. @throws Error with the op's
   * name, where TensorFlow refuses it.
   */
  append(op: string, attributes: readonly Attribute[], inputs: readonly GraphOutput[]): GraphNode {
    const { runtime, definitions } = this.#workshop;
    const { api, memory } = runtime;
    const definition = definitions.of(this.graph, op);
    const groups = groupInputs(op, definition, attributes, inputs);
    const node = this.#begin(op);
    for (const group of groups) {
      if ('single' in group) api.TF_AddInput(node, group.single);
      else {
        group.list.forEach(({ operation, index }, at) => {
          memory.putPointer(2 * at, operation);
          memory.int32[4 * at + 2] = index;
        });
        api.TF_AddInputList(node, memory.scratch, group.list.length);
      }
    }
    for (const attribute of attributes) setAttribute(this.#setters, memory, attribute);
    return this.#finish({ op, attributes, inputs, stateful: definition.stateful });
  }

  /** A node whose output is given at the call. */
  placeholder(shape: readonly number[], dtype: number): GraphNode {
    const attributes = [
      { name: 'dtype', type: attributeType.type, value: dtype },
      { name: 'shape', type: attributeType.shape, value: shape },
    ];
    return this.append('Placeholder', attributes, []);
  }

  /** A node whose output are these values. */
  constant(shape: readonly number[], dtype: number, values: TensorValues): GraphNode {
    const { runtime, tensors } = this.#workshop;
    const { api, context, memory } = runtime;
    const tensor = tensors.copyIn(shape, dtype, values);
    const node = this.#begin('Const');
    api.TF_SetAttrType(node, memory.string('dtype').at, dtype);
    api.TF_SetAttrTensor(node, memory.string('value').at, tensor, context.status);
    const key = constantKey(shape, dtype, values);
    const made = this.#finish({
      op: 'Const',
      attributes: [],
      inputs: [],
      stateful: false,
      ...(key !== undefined && { constant: key }),
    });
    api.TF_DeleteTensor(tensor);
    return made;
  }

  typeOf(output: GraphOutput): number {
    return this.#workshop.runtime.api.TF_OperationOutputType(output);
  }

  /** undefined where the rank is unknown; −1 for a side that is. */
  shapeOf(output: GraphOutput): number[] | undefined {
    const { api, context, memory } = this.#workshop.runtime;
    const rank = api.TF_GraphGetTensorNumDims(this.graph, output, context.status);
    expectOk(api, context.status, 'TF_GraphGetTensorNumDims');
    if (rank < 0) return undefined;
    if (rank > 0)
      api.TF_GraphGetTensorShape(this.graph, output, memory.scratch, rank, context.status);
    return Array.from({ length: rank }, (_, axis) => Number(memory.int64[axis]));
  }

  delete(): void {
    this.#workshop.runtime.api.TF_DeleteGraph(this.graph);
  }

  #begin(op: string): Pointer {
    const { api, memory } = this.#workshop.runtime;
    this.#current.node = api.TF_NewOperation(
      this.graph,
      memory.string(op).at,
      `${op}_${this.nodes.size}`,
    );
    return this.#current.node;
  }

  #finish(begun: Omit<GraphNode, 'operation' | 'outputShape' | 'outputDtype'>): GraphNode {
    const { api, context } = this.#workshop.runtime;
    const operation = api.TF_FinishOperation(this.#current.node, context.status);
    expectOk(api, context.status, begun.op);
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
