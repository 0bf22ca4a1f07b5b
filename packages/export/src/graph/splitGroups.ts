import type { ConvolutionNode, GraphNodeBase } from '@kd/core';

/**
 * A convolution of each group of channels, for formats whose convolutions have none.
 * @returns In order, named `<name>/group0` …; their outputs, joined, are the node's.
 */
export function splitGroups(
  node: GraphNodeBase & ConvolutionNode,
): (GraphNodeBase & ConvolutionNode)[] {
  const { name, kernel, bias, shape, groups } = node;
  const [height, width, from, to] = kernel.shape as readonly [number, number, number, number];
  const own = to / groups;
  const rows = height * width * from;
  return Array.from({ length: groups }, (_, group) => {
    const [first, end] = [group * own, (group + 1) * own];
    const values = new Float32Array(rows * own);
    for (let row = 0; row < rows; row++)
      values.set(kernel.values.subarray(row * to + first, row * to + end), row * own);
    return {
      ...node,
      name: `${name}/group${group}`,
      groups: 1,
      kernel: { shape: [height, width, from, own], values },
      bias: { shape: [own], values: bias.values.slice(first, end) },
      shape: [...shape.slice(0, 2), own],
    };
  });
}
