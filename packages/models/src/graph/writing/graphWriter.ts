import type { FusedActivation, GraphNode, GraphOperation } from '@kd/core';
import { type Affine, foldAffine } from './foldAffine.ts';
import { inferShape } from './inferShape.ts';

/** A graph that is being written. */
export interface GraphWriter {
  readonly nodes: readonly GraphNode[];
  /**
   * Adds a node.
   * @param shape The shape of its value where the operation does not fix it.
   * @returns The name of its value: this one, or one with a number behind it if that is taken.
   * @throws RangeError that names the layer if the inputs do not fit.
   */
  add(
    name: string,
    inputs: readonly string[],
    operation: GraphOperation,
    shape?: readonly number[],
  ): string;
  /** The shape of a value, without the batch. */
  shapeOf(value: string): readonly number[];
  /**
   * Makes an activation part of the node whose value it takes.
   * @returns Whether the node can have one, and has none yet.
   */
  activate(value: string, activation: FusedActivation): boolean;
  /**
   * Makes a product and an offset by channel part of the convolution or the dense layer whose value
   * they take.
   * @returns Whether the node is one, without an activation.
   */
  scale(value: string, affine: Affine): boolean;
}

/** Names of values. */
export interface WrittenLayers {
  /** Of the last layer. */
  readonly output: string;
  /** By the names of the tapped layers. */
  readonly features: Readonly<Record<string, string>>;
}

/** Begins a graph with its input. */
export function createGraphWriter(input: string, inputShape: readonly number[]): GraphWriter {
  const nodes: GraphNode[] = [];
  const positions = new Map<string, number>();
  const shapes = new Map([[input, inputShape]]);
  const shapeOf = (value: string): readonly number[] => shapes.get(value) as readonly number[];
  const unique = (name: string): string => {
    let free = name;
    for (let at = 2; shapes.has(free); at++) free = `${name}_${at}`;
    return free;
  };
  const nodeOf = (value: string): GraphNode | undefined => nodes[positions.get(value) ?? -1];
  const replace = (value: string, node: GraphNode): true => {
    nodes[positions.get(value) as number] = node;
    return true;
  };
  return {
    nodes,
    shapeOf,
    add(name, inputs, operation, given) {
      const shape = inferShape(name, operation, inputs.map(shapeOf), given);
      const value = unique(name);
      positions.set(value, nodes.length);
      shapes.set(value, shape);
      nodes.push({ ...operation, name: value, inputs, shape });
      return value;
    },
    activate(value, activation) {
      const node = nodeOf(value);
      if (node === undefined || node.kind === 'activation' || !('activation' in node)) return false;
      return node.activation === 'linear' && replace(value, { ...node, activation });
    },
    scale(value, affine) {
      const node = nodeOf(value);
      if (node?.kind !== 'convolution' && node?.kind !== 'dense') return false;
      return node.activation === 'linear' && replace(value, foldAffine(node, affine));
    },
  };
}
