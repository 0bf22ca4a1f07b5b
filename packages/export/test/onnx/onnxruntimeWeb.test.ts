import { expectClose } from '@kd/testing';
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportOnnx, type OnnxOptions } from '../../src/onnx/exportOnnx.ts';
import { denseOperation, graphOf, node, sameConvolution } from '../support/graphs.ts';
import { calibrationOf, imagesOf, onCpu, runFile, runReference } from './runtimes.ts';

const graph = graphOf(
  [12, 10, 3],
  [
    node('resize', ['images'], [8, 8, 3], {
      kind: 'resize',
      interpolation: 'bicubic',
      antialias: true,
    }),
    node('stem', ['resize'], [8, 8, 16], {
      ...sameConvolution([3, 3, 3, 16], 1),
      activation: 'relu6',
    }),
    node('flat', ['stem'], [1024], { kind: 'reshape' }),
    node('fc', ['flat'], [10], denseOperation(1024, 10, 2)),
  ],
  { stem: 'stem' },
);

describe('in onnxruntime-web, by WebAssembly,', () => {
  onCpu();
  beforeAll(() => {
    env.wasm.numThreads = 1;
  });

  const forms: readonly [string, OnnxOptions, number][] = [
    ['float32', {}, 1e-4],
    ['with float16 weights', { weights: 'float16' }, 1e-3],
    ['with int8 weights', { weights: 'int8' }, 2e-2],
  ];
  test.each(forms)('a file %s gives our logits and taps', async (_, options, tolerance) => {
    const file = exportOnnx(graph, { taps: true, ...options });
    const session = await InferenceSession.create(file, { executionProviders: ['wasm'] });
    for (const batch of [1, 2, 3]) {
      const images = imagesOf(graph.input.shape, batch);
      const outputs = await session.run({
        images: new Tensor('float32', images.data, images.shape),
      });
      const [ours, node] = [runReference(graph, images), await runFile(file, images)];
      for (const [name, { data, dims }] of Object.entries(ours)) {
        const theirs = outputs[name]?.data as Float32Array;
        expect([name, outputs[name]?.dims]).toEqual([name, dims]);
        expectClose(theirs, data, tolerance);
        expectClose(theirs, node[name]?.data as Float32Array, 1e-4);
      }
    }
    await session.release();
  });

  test('a file of static quantization gives the logits of onnxruntime-node', async () => {
    const calibration = await calibrationOf(graph);
    const file = exportOnnx(graph, { calibration, reduceRange: true });
    const session = await InferenceSession.create(file, { executionProviders: ['wasm'] });
    const { data, shape } = imagesOf(graph.input.shape, 3);
    const { logits } = await session.run({ images: new Tensor('float32', data, shape) });
    const node = await runFile(file, { data, shape });
    expectClose(logits?.data as Float32Array, node.logits?.data as Float32Array, 0.01);
    await session.release();
  });
});
