import { networkGraph } from '@kd/models/graph';
import { describe, expect, test } from 'vitest';
import { exportOnnx } from '../../src/onnx/exportOnnx.ts';
import { networks, scatter } from '../support/networks.ts';
import { dataType, readOnnx } from './readOnnx.ts';
import { expectRunsAs, onCpu } from './runtimes.ts';

describe('in onnxruntime-node, for batches of 1, 2 and 3,', () => {
  onCpu();

  test.each(Object.entries(networks))(
    'the file of %s gives its logits and taps',
    async (_, [create, side]) => {
      const network = create();
      scatter(network);
      const graph = networkGraph(network, { imageShape: [side, side, 3], taps: true });
      await expectRunsAs(graph);
      const { nodes, tensors } = readOnnx(exportOnnx(graph));
      expect(nodes.map(({ operator }) => operator)).not.toContain('DequantizeLinear');
      const used = new Set(nodes.flatMap(({ inputs }) => inputs));
      expect(tensors.filter(({ name }) => !used.has(name))).toEqual([]);
      network.dispose();
    },
  );
});

describe('the file of a network of 270,000 weights', () => {
  onCpu();

  test.each([
    ['float32', 4],
    ['float16', 2],
    ['int8', 1],
  ] as const)('as %s is as large as its weights', (weights, bytes) => {
    const [create, side] = networks['cifarResnet, identity'] as NonNullable<
      (typeof networks)[string]
    >;
    const network = create();
    const graph = networkGraph(network, { imageShape: [side, side, 3] });
    network.dispose();
    const own = graph.nodes.reduce((sum, node) => {
      if (node.kind !== 'convolution' && node.kind !== 'dense') return sum;
      const outputs = node.bias.values.length;
      // Biases, and the scales of integers, are float32.
      return sum + bytes * node.kernel.values.length + (bytes === 1 ? 8 : 4) * outputs;
    }, 0);
    const file = exportOnnx(graph, { weights });
    expect(file.length).toBeGreaterThan(own);
    expect(file.length).toBeLessThan(1.05 * own);
    const kinds = readOnnx(file).tensors.map(({ type }) => type);
    expect(kinds.filter((type) => type === dataType[weights]).length).toBeGreaterThanOrEqual(20);
  });
});
