import { ensure, type Graph, type GraphNode, type GraphTensor } from '@kd/core';

/**
 * Kernels of fewer numbers stay float32: the names and operations that another form needs take more
 * bytes than it saves. So do biases and all that belongs to one channel.
 */
export const fewestNumbers = 256;

/** What to do where a weight is too large for float16. */
export const float32Remedy = "use weights: 'float32'";

/** The weights of a node by name: `kernel`, `bias`, `scale`, `offset`, `slopes`. */
function nodeWeights(node: GraphNode): Readonly<Record<string, GraphTensor>> {
  switch (node.kind) {
    case 'convolution':
    case 'dense':
      return { kernel: node.kernel, bias: node.bias };
    case 'channelAffine':
      return { scale: node.scale, offset: node.offset };
    case 'activation':
      return node.slopes === undefined ? {} : { slopes: node.slopes };
    default:
      return {};
  }
}

/** @throws RangeError that names the first layer with a NaN or an infinite weight. */
export function expectFiniteWeights(graph: Graph, caller: string): void {
  for (const node of graph.nodes) {
    for (const [name, { values }] of Object.entries(nodeWeights(node))) {
      const wrong = values.find((value) => !Number.isFinite(value));
      ensure(
        wrong === undefined,
        caller,
        `finite weights in ${node.name}.${name}`,
        wrong,
        'its training has diverged: take an earlier checkpoint',
      );
    }
  }
}
