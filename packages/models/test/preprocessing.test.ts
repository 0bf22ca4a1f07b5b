import { readFileSync } from 'node:fs';
import { type ResizeFilter, resizeWeights } from '@kd/core/internal';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  createNetwork,
  createPreprocessor,
  dense,
  globalAveragePool,
  imagenetNormalization,
  type PreprocessingOptions,
  resnet,
} from '../src/index.ts';
import { checkedPreprocessor, mergePreprocessing } from '../src/preprocessing/preprocess.ts';

import { toNhwc } from './formula.ts';

interface Golden {
  readonly matrices: readonly (ResizeFilter & {
    readonly from: number;
    readonly to: number;
    readonly weights: readonly number[];
  })[];
  readonly images: readonly GoldenImage[];
}

interface GoldenImage extends ResizeFilter {
  readonly source: string;
  readonly height: number;
  readonly width: number;
  readonly size: number;
  readonly crop: number;
  readonly pixels: readonly number[];
}

/** Made by test/torch/resize.py. */
const golden = JSON.parse(
  readFileSync(new URL('./fixtures/resize.json', import.meta.url), 'utf8'),
) as Golden;
const titled = golden.images.map((image) => {
  const { height, width, size, crop, interpolation, antialias, source } = image;
  return [
    `${height} × ${width} to ${size}, crop ${crop}, ${interpolation}${antialias ? ' with antialias' : ''}, as ${source} has it`,
    image,
  ] as const;
});

test.each(golden.matrices)(
  '$from → $to, $interpolation, antialias $antialias: the matrix of PyTorch',
  ({ from, to, weights, ...filter }) => {
    const own = resizeWeights(from, to, filter);
    expectClose(own, weights, 1e-6);
    for (let row = 0; row < to; row++)
      expectClose(
        [own.slice(row * from, (row + 1) * from).reduce((sum, weight) => sum + weight, 0)],
        [1],
        1e-6,
      );
  },
);

onEveryEngine(() => {
  test.each(titled)('%s', (_, { height, width, size, crop, interpolation, antialias, pixels }) => {
    const { prepare } = checkedPreprocessor('test', { size, crop, interpolation, antialias });
    const images = createImage(height, width);
    const resized = prepare(images);
    expect(resized.shape).toEqual([1, size, size, 3]);
    expectClose(resized.dataSync(), pixels, 1e-5);
    tf.dispose([images, resized]);
  });

  test.each([8, 32])('to %i: normalized before or after, it is the same', (size) => {
    const resizing: PreprocessingOptions = { size, interpolation: 'bicubic' };
    const images = createImage(12, 20);
    const both = checkedPreprocessor('test', {
      ...resizing,
      normalize: imagenetNormalization,
    }).prepare(images);
    const after = tf.tidy(() =>
      checkedPreprocessor('test', { normalize: imagenetNormalization }).prepare(
        checkedPreprocessor('test', resizing).prepare(images),
      ),
    );
    expectClose(both.dataSync(), after.dataSync(), 1e-5);
    tf.dispose([images, both, after]);
  });

  test('its gradient is that of finite differences', () => {
    const { prepare } = checkedPreprocessor('test', {
      size: 3,
      interpolation: 'bicubic',
      crop: 0.8,
      normalize: imagenetNormalization,
    });
    const images = createImage(4, 5);
    const f = (x: tf.Tensor) => tf.mean(tf.square(prepare(x as tf.Tensor4D))) as tf.Scalar;
    const gradient = tf.grad(f)(images);
    expectClose(gradient.dataSync(), numericalGradient(f, images), 1e-3);
    tf.dispose([images, gradient]);
  });

  test('images of the requested size, and those taken as given, keep every bit; no tensor is left', async () => {
    const images = createImage(8, 8);
    await expectNoNewTensors(() => {
      for (const preprocessing of [{ size: 8, crop: 0.875 }, { size: 'asGiven' as const }]) {
        const same = tf.tidy(() =>
          checkedPreprocessor('test', preprocessing).prepare(images).dataSync(),
        );
        expect(same).toEqual(images.dataSync());
      }
      tf.dispose(
        checkedPreprocessor('test', { size: 6, normalize: imagenetNormalization }).prepare(images),
      );
    });
    images.dispose();
  });

  test('a network preprocesses images of any size, at fused inference too, whatever size came before', () => {
    const layers = { pooled: globalAveragePool(), fc: dense({ from: 3, to: 2 }) };
    const preprocessing: PreprocessingOptions = {
      size: 5,
      interpolation: 'bicubic',
      crop: 0.9,
      normalize: imagenetNormalization,
    };
    const [network, plain] = [
      preprocessing,
      { size: 'asGiven' as const, normalize: { mean: [0, 0, 0], std: [1, 1, 1] } },
    ].map((prepare) => createNetwork({ name: 'own', layers, seed: 0, prepare })) as [
      ReturnType<typeof createNetwork>,
      ReturnType<typeof createNetwork>,
    ];
    for (const [height, width] of [
      [9, 12],
      [3, 4],
      [9, 12],
    ] as const) {
      const images = createImage(height, width);
      const [own, fused, byHand] = tf.tidy(() => [
        network.forward(images, { training: false }).logits.dataSync(),
        network.inference?.().forward(images).logits.dataSync(),
        plain
          .forward(checkedPreprocessor('test', preprocessing).prepare(images), { training: false })
          .logits.dataSync(),
      ]);
      expectClose(own as Float32Array, byHand as Float32Array, 1e-6);
      expectClose(fused as Float32Array, byHand as Float32Array, 1e-6);
      images.dispose();
    }
    network.dispose();
    plain.dispose();
  });
});

test('a network describes its preprocessing', () => {
  const statistics = 'normalize(mean 0.485 0.456 0.406, std 0.229 0.224 0.225)';
  const options = {
    depth: { block: 'basic', blocks: [1, 1, 1, 1] },
    width: 1 / 16,
    stem: 'imagenet',
    classes: 2,
    seed: 0,
  } as const;
  const describe = (prepare: PreprocessingOptions) => resnet({ ...options, prepare }).preprocessing;
  expect(describe({})).toBe(`resize(224, bilinear, antialias), centerCrop(224), ${statistics}`);
  expect(describe({ crop: 0.875 })).toBe(
    `resize(256, bilinear, antialias), centerCrop(224), ${statistics}`,
  );
  expect(describe({ crop: 224 / 232 })).toBe(
    `resize(232, bilinear, antialias), centerCrop(224), ${statistics}`,
  );
  expect(describe({ size: 160, interpolation: 'bicubic', antialias: false })).toBe(
    `resize(160, bicubic), centerCrop(160), ${statistics}`,
  );
  expect(describe({ size: 'asGiven' })).toBe(statistics);
  expect(resnet({ ...options, stem: 'cifar' }).preprocessing).toBe(
    'normalize(mean 0.4914 0.4822 0.4465, std 0.247 0.2435 0.2616)',
  );
});

test("a network's own preprocessing stays except for the user's changes", () => {
  const own: PreprocessingOptions = {
    size: 224,
    interpolation: 'bicubic',
    crop: 0.875,
    normalize: imagenetNormalization,
  };
  expect(mergePreprocessing(own, undefined)).toEqual(own);
  expect(mergePreprocessing(own, { size: 160 })).toEqual({ ...own, size: 160 });
  expect(mergePreprocessing(own, { size: 'asGiven' })).toEqual({
    size: 'asGiven',
    normalize: imagenetNormalization,
  });
});

test('invalid options are refused', () => {
  const message = (preprocessing: PreprocessingOptions) => () =>
    checkedPreprocessor('net', preprocessing);
  expect(message({ size: 0 })).toThrow(
    'net: expected size as a whole number of pixels ≥ 1, or asGiven, got 0.',
  );
  expect(message({ size: 8, crop: 1.2 })).toThrow(
    'net: expected 0 < crop ≤ 1, got 1.2; 0.875 is usual, 1 takes all of the shorter side.',
  );
  expect(message({ size: 8, interpolation: 'nearest' as 'bilinear' })).toThrow(
    'net: expected interpolation bilinear or bicubic, got nearest.',
  );
  expect(message({ crop: 0.875 })).toThrow(
    'net: expected a size in pixels beside crop, got asGiven; without one, nothing is resized.',
  );
});

/** [1, height, width, 3], by the formula of the golden images. */
function createImage(height: number, width: number): tf.Tensor4D {
  const shape = [1, height, width, 3] as const;
  return tf.tensor4d(
    toNhwc((n) => 0.5 + 0.5 * Math.sin(0.37 * n + 1e-4 * n * n), shape),
    [...shape],
  );
}

onEveryEngine(() => {
  test('createPreprocessor resizes and normalizes, and describes it', () => {
    const { description, prepare } = createPreprocessor({
      size: 4,
      normalize: imagenetNormalization,
    });
    expect(description).toMatch(/^resize\(4, bilinear, antialias\), centerCrop\(4\), /);
    tf.tidy(() => {
      const prepared = prepare(tf.fill([1, 8, 8, 3], 0.5));
      expect(prepared.shape).toEqual([1, 4, 4, 3]);
      const { mean, std } = imagenetNormalization;
      const expected = mean.map((center, channel) => (0.5 - center) / (std[channel] as number));
      expectClose(prepared.dataSync().slice(0, 3), expected, 1e-5);
    });
  });
});

test('createPreprocessor refuses invalid options', () => {
  expect(() => createPreprocessor({ size: 0 })).toThrow(
    'createPreprocessor: expected size as a whole number of pixels ≥ 1, or asGiven, got 0.',
  );
});
