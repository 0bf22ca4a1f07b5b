import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import { loadWeights, profile } from '../src/index.ts';
import { networkNamed, published } from './mobileFixture.ts';
import { entry, inMemory } from './weights/inMemory.ts';

// Sizes and names need no first values, and millions of them take their time.
vi.mock('../src/layers/initial.ts', async (original) => ({
  ...(await original<typeof import('../src/layers/initial.ts')>()),
  drawnVariable: (_: string, shape: number[]) => tf.variable(tf.zeros(shape)),
}));

const rows = Object.entries(published).map(([title, expected]) => ({ title, ...expected }));

onEveryEngine((engine) => {
  // What is counted and named depends on no engine, and the others take minutes.
  const testOnce = test.skipIf(engine !== 'tensorflow');

  testOnce.each(rows)(
    '$title: weighs and costs as much, and every tensor has its weight',
    ({ title, side, shapes, parameters, multiplyAdds }) => {
      const network = networkNamed(title, {
        classes: title.includes('cifar') ? 100 : 1000,
        seed: 0,
      });
      expect(profile(network, [side, side, 3])).toMatchObject({ parameters, multiplyAdds });
      const entries = Object.entries(shapes).map(
        ([name, shape], place) => [name, entry(shape, () => place)] as const,
      );
      const report = loadWeights(network, inMemory(Object.fromEntries(entries)));
      expect(report).toMatchObject({
        scheme: title.split(' ')[0],
        prefix: '',
        left: [],
        ignored: [],
      });
      const places = Object.values(network.weights).map((weight) => weight.dataSync()[0] as number);
      expect(places).toEqual([...places.keys()]);
      network.dispose();
    },
  );
});

/**
 * Of the TensorFlow blog, 2020, and torchvision's table of its weights: millions of parameters,
 * millions of multiply-adds.
 */
test.each([
  { title: 'lukemelas efficientNetLite 0', parameters: 4.7, multiplyAdds: 407 },
  { title: 'lukemelas efficientNetLite 1', parameters: 5.4, multiplyAdds: 631 },
  { title: 'lukemelas efficientNetLite 2', parameters: 6.1, multiplyAdds: 899 },
])(
  '$title is the published network; its multiply-adds count some four to six percent for other layers too',
  (row) => {
    const own = published[row.title] as (typeof published)[string];
    expect(Number((own.parameters / 1e6).toFixed(1))).toBe(row.parameters);
    expect(own.multiplyAdds / 1e6 / row.multiplyAdds).toBeGreaterThan(0.94);
    expect(own.multiplyAdds / 1e6 / row.multiplyAdds).toBeLessThan(0.96);
  },
);

test.each([
  { title: 'torchvision mobileNetV2 imagenet 1', giga: 0.301 },
  { title: 'torchvision shuffleNetV2 imagenet 0.5', giga: 0.04 },
  { title: 'torchvision shuffleNetV2 imagenet 1', giga: 0.145 },
  { title: 'torchvision shuffleNetV2 imagenet 1.5', giga: 0.296 },
  { title: 'torchvision shuffleNetV2 imagenet 2', giga: 0.583 },
])('$title costs the $giga G of its table', ({ title, giga }) => {
  expect(Number(((published[title]?.multiplyAdds ?? 0) / 1e9).toFixed(3))).toBe(giga);
});
