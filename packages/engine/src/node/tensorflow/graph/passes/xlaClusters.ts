/**
 * Fuses elementwise updates of large variables into functions that XLA compiles, each to one loop:
 * op by op, Adam's update is a dozen passes over the memory (docs/decisions/engine.md).
 */
import type { Attribute } from '../../capi/attributes.ts';
import type { Runtime } from '../../capi/runtime.ts';
import { attributeType, dataType, type GraphOutput, type Pointer } from '../../capi/types.ts';
import type { GraphBuilder, GraphNode } from '../graphBuilder.ts';
import {
  defineFunction,
  type FunctionBody,
  hasKernel,
  type ReachableGraph,
} from '../graphFunction.ts';

/**
 * Smaller updates stay in the caches between ops, and a training of some hundred steps would not
 * repay XLA's compilation.
 */
const minElements = 2 ** 18;

/** The pass, with the functions that it has defined so far. */
export class XlaClusters {
  readonly #runtime: Runtime;
  readonly #isOnGpu: boolean;
  /**
   * Names of functions in the context, by what they compute. They are never removed: XLA compiles
   * each once per number of elements.
   */
  readonly #names = new Map<string, string>();
  #isAvailable: boolean | undefined;

  constructor(runtime: Runtime, isOnGpu: boolean) {
    this.#runtime = runtime;
    this.#isOnGpu = isOnGpu;
  }

  /** Returns the body of a function. @param assigned The outputs that variables are assigned. */
  rewrite(
    builder: GraphBuilder,
    { nodes, inputs }: ReachableGraph<{ readonly operation: Pointer }>,
    outputs: readonly GraphOutput[],
    assigned: readonly GraphOutput[],
  ): FunctionBody {
    const ports = inputs.map(({ operation }) => ({ operation, index: 0 }));
    if (!this.#canUseXla()) return { nodes, inputs: ports, outputs };
    const kept = new Set(nodes);
    const replaced = new OutputMap();
    for (const cluster of fusionClusters(nodes, outputs, assigned, minElements)) {
      for (const node of cluster.members) kept.delete(node);
      for (const [at, output] of this.#call(builder, cluster, kept).entries())
        replaced.set(cluster.outputs[at] as GraphOutput, output);
    }
    for (const node of nodes) {
      if (!kept.has(node) || !node.inputs.some((input) => replaced.has(input))) continue;
      const again = builder.append(node.op, node.attributes, node.inputs.map(replaced.get));
      kept.delete(node);
      kept.add(again);
      replaced.set(
        { operation: node.operation, index: 0 },
        { operation: again.operation, index: 0 },
      );
    }
    return { nodes: [...kept], inputs: ports, outputs: outputs.map(replaced.get) };
  }

  /**
   * Appends a call of a cluster's function. Tensors are flattened unless an axis is broadcast, so
   * that those of one size share a loop. @returns Its outputs.
   */
  #call(builder: GraphBuilder, cluster: FusionCluster, nodes: Set<GraphNode>): GraphOutput[] {
    const reshape = (output: GraphOutput, shape: readonly number[]): GraphOutput => {
      const sides = builder.constant([shape.length], dataType.int32, Int32Array.from(shape));
      const node = builder.append(
        'Reshape',
        [floatType],
        [output, { operation: sides.operation, index: 0 }],
      );
      nodes.add(sides).add(node);
      return { operation: node.operation, index: 0 };
    };
    const shapes = cluster.inputs.map((input) => builder.shapeOf(input));
    const isFlat = shapes.every(
      (shape) => shape?.length === 0 || shape?.join() === cluster.shape.join(),
    );
    const inputs = cluster.inputs.map((input, at) =>
      isFlat && shapes[at]?.length !== 0 ? reshape(input, [-1]) : input,
    );
    const call = builder.append('PartitionedCall', this.#attributes(builder, cluster), inputs);
    nodes.add(call);
    const outputs = cluster.outputs.map((_, index) => ({ operation: call.operation, index }));
    return isFlat ? outputs.map((output) => reshape(output, cluster.shape)) : outputs;
  }

  #attributes(builder: GraphBuilder, cluster: FusionCluster): Attribute[] {
    const types = (outputs: readonly GraphOutput[]) => outputs.map(() => dataType.float32);
    return [
      { name: 'Tin', type: attributeType.type, value: types(cluster.inputs) },
      { name: 'Tout', type: attributeType.type, value: types(cluster.outputs) },
      { name: 'f', type: attributeType.func, value: this.#functionName(builder, cluster) },
      { name: '_XlaMustCompile', type: attributeType.bool, value: true },
    ];
  }

  #functionName(builder: GraphBuilder, cluster: FusionCluster): string {
    const known = this.#names.get(cluster.key);
    if (known !== undefined) return known;
    const name = `kd_update_${this.#names.size}`;
    defineFunction(this.#runtime, builder, name, cluster);
    this.#names.set(cluster.key, name);
    return name;
  }

  /** Only on the CPU, where it was measured, and only if the library has XLA. */
  #canUseXla(): boolean {
    this.#isAvailable ??= !this.#isOnGpu && hasKernel(this.#runtime, 'XlaLaunch');
    return this.#isAvailable;
  }
}

const floatType: Attribute = { name: 'T', type: attributeType.type, value: dataType.float32 };

/** Outputs that have been replaced by others. */
class OutputMap {
  readonly #replacements = new Map<Pointer, GraphOutput>();

  /** @param from The first output of an operation; its others follow at the new place too. */
  set(from: GraphOutput, to: GraphOutput): void {
    this.#replacements.set(from.operation, to);
  }

  has({ operation }: GraphOutput): boolean {
    return this.#replacements.has(operation);
  }

  readonly get = (output: GraphOutput): GraphOutput => {
    const first = this.#replacements.get(output.operation);
    return first === undefined
      ? output
      : { operation: first.operation, index: first.index + output.index };
  };
}

/** A part of a graph that is elementwise throughout. */
export interface FusionCluster extends FunctionBody {
  /** Its nodes without the constants. */
  readonly members: readonly GraphNode[];
  /** The shape of every node in it. */
  readonly shape: readonly number[];
  /** Equal for clusters that compute the same from their inputs. */
  readonly key: string;
}

/**
 * Ops whose outputs depend only on the numbers at the same position of their inputs. Their one
 * attribute is the type.
 */
const elementwise: ReadonlySet<string> = new Set(
  'Abs Add AddV2 Div Exp Log Maximum Minimum Mul Neg RealDiv Reciprocal Rsqrt Sign Sqrt Square SquaredDifference Sub Tanh'.split(
    ' ',
  ),
);

/**
 * Finds the elementwise clusters that end in some outputs. Other nodes may read what a cluster
 * computes, but no cluster depends on those: all clusters can be computed first.
 * @param nodes In the order in which they were appended. @param outputs All outputs of the function.
 * @param ends The outputs at which clusters end.
 */
export function fusionClusters(
  nodes: readonly GraphNode[],
  outputs: readonly GraphOutput[],
  ends: readonly GraphOutput[],
  minElements: number,
): FusionCluster[] {
  const readers = collectReaders(nodes);
  const endsAt = new Set(ends.map(({ operation }) => operation));
  const clusterOf = new Map<Pointer, Set<GraphNode>>();
  const isNeeded = new Set<Pointer>();
  const leadsToCluster = ({ operation }: GraphNode): boolean =>
    clusterOf.has(operation) || isNeeded.has(operation);
  for (const node of [...nodes].reverse()) {
    const all = readers.get(node.operation) ?? [];
    if (all.some(leadsToCluster)) isNeeded.add(node.operation);
    if (!isLargeElementwise(node, minElements)) continue;
    const clusters = all.flatMap((reader) =>
      sameShape(node, reader) ? (clusterOf.get(reader.operation) ?? []) : [],
    );
    if (clusters.length === 0 && !endsAt.has(node.operation)) continue;
    const others = all.filter(
      (reader) => !sameShape(node, reader) || !clusterOf.has(reader.operation),
    );
    if (others.some(leadsToCluster)) continue;
    const joined = new Set([node, ...clusters.flatMap((cluster) => [...cluster])]);
    for (const member of joined) clusterOf.set(member.operation, joined);
  }
  const readOutside = new Set(outputs.map(({ operation }) => operation));
  for (const node of nodes)
    if (!clusterOf.has(node.operation))
      for (const { operation } of node.inputs) readOutside.add(operation);
  return [...new Set(clusterOf.values())]
    .filter((cluster) => cluster.size > 1)
    .map((cluster) => buildCluster(cluster, nodes, readOutside));
}

function isLargeElementwise(
  { op, outputDtype, outputShape }: GraphNode,
  minElements: number,
): boolean {
  if (!elementwise.has(op) || outputDtype !== dataType.float32 || outputShape === undefined)
    return false;
  return outputShape.reduce((product, side) => product * side, 1) >= minElements;
}

function sameShape(one: GraphNode, other: GraphNode): boolean {
  return one.outputShape?.join() === other.outputShape?.join();
}

function collectReaders(nodes: readonly GraphNode[]): Map<Pointer, GraphNode[]> {
  const readers = new Map<Pointer, GraphNode[]>();
  for (const node of nodes) {
    for (const { operation } of node.inputs) {
      const known = readers.get(operation);
      if (known === undefined) readers.set(operation, [node]);
      else known.push(node);
    }
  }
  return readers;
}

/** A cluster with copies of its constants. @param readOutside Operations that other nodes read. */
function buildCluster(
  cluster: ReadonlySet<GraphNode>,
  nodes: readonly GraphNode[],
  readOutside: ReadonlySet<Pointer>,
): FusionCluster {
  const members = nodes.filter((node) => cluster.has(node));
  const within = new Map(members.map(({ operation }, at) => [operation, `n${at}`]));
  const byOperation = new Map(nodes.map((node) => [node.operation, node]));
  const constants = new Set<GraphNode>();
  const inputs = new Map<string, GraphOutput>();
  const nameOf = (output: GraphOutput): string => {
    const known = within.get(output.operation);
    if (known !== undefined) return known;
    const source = byOperation.get(output.operation);
    if (source?.constant !== undefined) {
      constants.add(source);
      return `(${source.constant})`;
    }
    const key = `${output.operation} ${output.index}`;
    if (!inputs.has(key)) inputs.set(key, output);
    return `i${[...inputs.keys()].indexOf(key)}`;
  };
  const texts = members.map((node) => `${node.op} ${node.inputs.map(nameOf).join(' ')}`);
  const outputs = members
    .filter(({ operation }) => readOutside.has(operation))
    .map(({ operation }) => ({ operation, index: 0 }));
  const key = `${texts.join(';')} → ${outputs.map(nameOf).join(' ')}`;
  const shape = members[0]?.outputShape ?? [];
  return {
    members,
    nodes: [...constants, ...members],
    inputs: [...inputs.values()],
    outputs,
    shape,
    key,
  };
}
