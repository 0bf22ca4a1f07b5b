import type { Graph, GraphNode, GraphTensor } from '@kd/core';
import type { ExportedLayer, NumberKind } from '@kd/report';

/**
 * Lists the layers with kernels, as a file has them.
 * @param stored The form in which it stores kernels, by layer; float32 where a layer is not in it.
 * @param activations What the file computes with where a kernel is int8.
 */
export function describeLayers(
  { nodes }: Graph,
  stored: ReadonlyMap<string, NumberKind>,
  activations: NumberKind,
): ExportedLayer[] {
  return nodes.flatMap(({ name, kind }) => {
    if (kind !== 'convolution' && kind !== 'dense') return [];
    const weights = stored.get(name) ?? 'float32';
    return [{ name, kind, weights, activations: weights === 'int8' ? activations : 'float32' }];
  });
}

/**
 * Counts the bytes of a network's weights: kernels as a file stores them, all else as float32.
 */
export function countWeightBytes({ nodes }: Graph, weights: NumberKind): number {
  const width = { float32: 4, float16: 2, int8: 1 }[weights];
  const count = (node: GraphNode) =>
    Object.entries(node).reduce((bytes, [field, value]) => {
      if (!isTensor(value)) return bytes;
      return bytes + value.values.length * (field === 'kernel' ? width : 4);
    }, 0);
  return nodes.reduce((bytes, node) => bytes + count(node), 0);
}

function isTensor(value: unknown): value is GraphTensor {
  return typeof value === 'object' && value !== null && 'values' in value;
}
