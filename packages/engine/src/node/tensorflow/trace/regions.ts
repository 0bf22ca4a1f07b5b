import type { GraphOutput, Pointer } from '../c/api.ts';
import { dataType } from '../constants.ts';
import type { GraphNode } from './graphBuilder.ts';
import type { FunctionBody } from './toFunction.ts';

/** A part of a graph that is elementwise from end to end. */
export interface Region extends FunctionBody {
  /** Its nodes without the constants. */
  readonly members: readonly GraphNode[];
  /** Of every one of its nodes. */
  readonly shape: readonly number[];
  /** Equal for regions that compute the same of their inputs. */
  readonly key: string;
}

/**
 * Ops whose outputs depend on the numbers at the same place of their inputs alone. None has
 * attributes but its type.
 */
const elementwise: ReadonlySet<string> = new Set(
  'Abs Add AddV2 Div Exp Log Maximum Minimum Mul Neg RealDiv Reciprocal Rsqrt Sign Sqrt Square SquaredDifference Sub Tanh'.split(
    ' ',
  ),
);

/**
 * Finds the elementwise parts behind some outputs. Others may read what a part computes, but no
 * part depends on them: all parts can be computed before.
 * @param nodes In the order in which they were made. @param outputs Of the whole. @param ends Those
 * of them that parts are looked for behind.
 */
export function elementwiseRegions(
  nodes: readonly GraphNode[],
  outputs: readonly GraphOutput[],
  ends: readonly GraphOutput[],
  leastElements: number,
): Region[] {
  const readers = readersOf(nodes);
  const endsAt = new Set(ends.map(({ operation }) => operation));
  const partOf = new Map<Pointer, Set<GraphNode>>();
  const isNeeded = new Set<Pointer>();
  const leadsToPart = ({ operation }: GraphNode): boolean =>
    partOf.has(operation) || isNeeded.has(operation);
  for (const node of [...nodes].reverse()) {
    const all = readers.get(node.operation) ?? [];
    if (all.some(leadsToPart)) isNeeded.add(node.operation);
    if (!isLargeElementwise(node, leastElements)) continue;
    const parts = all.flatMap((reader) =>
      sameShape(node, reader) ? (partOf.get(reader.operation) ?? []) : [],
    );
    if (parts.length === 0 && !endsAt.has(node.operation)) continue;
    const others = all.filter(
      (reader) => !sameShape(node, reader) || !partOf.has(reader.operation),
    );
    if (others.some(leadsToPart)) continue;
    const joined = new Set([node, ...parts.flatMap((part) => [...part])]);
    for (const member of joined) partOf.set(member.operation, joined);
  }
  const wanted = new Set(outputs.map(({ operation }) => operation));
  for (const node of nodes)
    if (!partOf.has(node.operation)) for (const { operation } of node.inputs) wanted.add(operation);
  return [...new Set(partOf.values())]
    .filter((part) => part.size > 1)
    .map((part) => regionOf(part, nodes, wanted));
}

function isLargeElementwise(
  { op, outputDtype, outputShape }: GraphNode,
  leastElements: number,
): boolean {
  if (!elementwise.has(op) || outputDtype !== dataType.float32 || outputShape === undefined)
    return false;
  return outputShape.reduce((product, side) => product * side, 1) >= leastElements;
}

function sameShape(one: GraphNode, other: GraphNode): boolean {
  return one.outputShape?.join() === other.outputShape?.join();
}

function readersOf(nodes: readonly GraphNode[]): Map<Pointer, GraphNode[]> {
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

/** With copies of its constants. @param wanted Operations that others than parts read. */
function regionOf(
  part: ReadonlySet<GraphNode>,
  nodes: readonly GraphNode[],
  wanted: ReadonlySet<Pointer>,
): Region {
  const members = nodes.filter((node) => part.has(node));
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
    .filter(({ operation }) => wanted.has(operation))
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
