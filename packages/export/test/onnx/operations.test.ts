import { describe, expect, test } from 'vitest';
import { exportOnnx } from '../../src/onnx/exportOnnx.ts';
import { denseOperation, graphOf, node, sameConvolution } from '../support/graphs.ts';
import { operationGraphs } from '../support/operations.ts';
import { operatorsOf, readOnnx } from './readOnnx.ts';
import { expectRunsAs, onCpu } from './runtimes.ts';

describe('in onnxruntime-node, for batches of 1, 2 and 3,', () => {
  onCpu();

  test.each(Object.entries(operationGraphs))('%s is as in our engine', async (_, graph) => {
    await expectRunsAs(graph);
  });

  test('maps of one channel, whose axes need no transposition, are as in our engine', async () => {
    const graph = graphOf(
      [5, 4, 1],
      [
        node('a', ['images'], [5, 4, 2], sameConvolution([3, 3, 1, 2], 1)),
        node('b', ['a'], [40], { kind: 'reshape' }),
        node('logits', ['b'], [3], denseOperation(40, 3, 2)),
      ],
    );
    await expectRunsAs(graph);
    expect(operatorsOf(exportOnnx(graph))).toEqual(['Reshape', 'Conv', 'Reshape', 'Gemm']);
  });
});

test('every size is reached exactly by the scale that is stored for it', () => {
  const sides = [1, 2, 3, 7, 28, 32, 33, 96, 100, 127, 224, 256, 299, 333, 500];
  for (const from of sides) {
    const nodes = sides.map((to) =>
      node(`to${to}`, ['images'], [to, to, 1], {
        kind: 'resize',
        interpolation: 'bilinear',
        antialias: false,
      }),
    );
    const { tensors } = readOnnx(exportOnnx(graphOf([from, from, 1], nodes)));
    for (const to of sides) {
      const bytes = tensors.find(({ name }) => name === `to${to}/scales`)?.bytes.slice();
      const [, , height] = new Float32Array(bytes?.buffer as ArrayBuffer);
      expect([from, to, Math.floor(Math.fround(from * (height as number)))]).toEqual([
        from,
        to,
        to,
      ]);
    }
  }
});
