import { networkGraph } from '@kd/models/graph';
import { describe, expect, test } from 'vitest';
import { exportOnnx, type OnnxOptions } from '../../src/onnx/exportOnnx.ts';
import { networks, scatter } from '../support/networks.ts';
import { readOnnx } from './readOnnx.ts';
import { calibrationOf, expectRunsAs, onCpu } from './runtimes.ts';

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

  /** Bytes of a number of a kernel; of what an output has beside: bias and scales, 4 bytes each. */
  test.each<[string, OnnxOptions['weights'] | 'static', number, number]>([
    ['float32', 'float32', 4, 4],
    ['float16', 'float16', 2, 4],
    ['int8', 'int8', 1, 8],
    ['int8 with quantized values', 'static', 1, 12],
  ])('as %s is as large as its weights', async (_, weights, perWeight, perOutput) => {
    const [create, side] = networks['cifarResnet, identity'] as (typeof networks)[string] & object;
    const network = create();
    const graph = networkGraph(network, { imageShape: [side, side, 3] });
    network.dispose();
    const own = graph.nodes.reduce((sum, node) => {
      if (node.kind !== 'convolution' && node.kind !== 'dense') return sum;
      return sum + perWeight * node.kernel.values.length + perOutput * node.bias.values.length;
    }, 0);
    const options =
      weights === 'static' ? { calibration: await calibrationOf(graph) } : { weights };
    const file = exportOnnx(graph, options as OnnxOptions);
    expect(file.length).toBeGreaterThan(own);
    expect(file.length).toBeLessThan(1.05 * own);
  });
});
