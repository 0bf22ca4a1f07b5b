import { compile, type LossTerm } from '@kd/core';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import * as losses from '../../src/index.ts';
import { featureStep, maps, noise, refPair } from './steps.ts';

const pair = refPair(2, 3);
const lists = {
  student: [pair.student, refPair(3, 2, 1).student],
  teacher: [pair.teacher, refPair(3, 2, 1).teacher],
};

/** Made on the current engine. */
const terms: Readonly<Record<string, () => LossTerm>> = {
  activationBoundaries: () => losses.activationBoundaries(pair),
  factorTransfer: () => losses.factorTransfer(pair),
  hints: () => losses.hints(pair, { regressor: { batchNorm: true, relu: true } }),
  mgd: () => losses.mgd(pair, { mask: losses.spatialMask(0.4) }),
  ofd: () => losses.ofd({ ...pair, margin: [-0.5, -0.1, 0] }),
  review: () => losses.review([pair, refPair(3, 2, 1)]),
  semCkd: () => losses.semCkd(lists, { batchSize: 4, factor: 2 }),
  simKd: () => losses.simKd({ student: '0', teacher: '3' }),
  srrl: () => losses.srrl(pair, { kernel: noise<tf.Rank.R2>('kernel', [3, 2]) }),
  vid: () => losses.vid(pair),
};

onEveryEngine(() => {
  test.each(Object.entries(terms))(
    '%s is the same compiled, in value and in all gradients, on other numbers too',
    (_, make) =>
      tf.tidy(() => {
        const term = make();
        const weights = Object.values(term.weights ?? {});
        const run = (student: tf.Tensor[], teacher: tf.Tensor[], seed: tf.Tensor1D): tf.Tensor[] =>
          tf.tidy(() => {
            const loss = (first: tf.Tensor) =>
              term({ ...featureStep([first, ...student.slice(1)], teacher), seed });
            const [first] = student as [tf.Tensor];
            const { value, grad } = tf.valueAndGrad(loss)(first);
            const { grads } =
              weights.length === 0
                ? { grads: {} as tf.NamedTensorMap }
                : tf.variableGrads(() => loss(first), weights);
            return [value, grad, ...weights.map(({ name }) => grads[name] as tf.Tensor)];
          });
        const compiled = compile(run);
        for (const round of [1, 2]) {
          const student = [maps(`s${round}`, [4, 4, 4, 2]), maps(`s1 ${round}`, [4, 2, 2, 3])];
          const teacher = [
            maps(`t${round}`, [4, 3, 3, 3]),
            maps(`t1 ${round}`, [4, 2, 2, 2]),
            maps(`t2 ${round}`, [4, 4, 4, 3]),
            maps(`t3 ${round}`, [4, 5, 5, 2]),
          ];
          const seed = tf.tensor1d([round, 3], 'int32');
          const expected = run(student, teacher, seed).map((one) => one.dataSync());
          const got = compiled(student, teacher, seed).map((one) => one.dataSync());
          expect(expected[0]?.[0]).toBeGreaterThan(0);
          for (const [at, numbers] of got.entries())
            expectClose(numbers, expected[at] as Float32Array, at === 0 ? 1e-5 : 2e-4);
        }
        tf.dispose(weights);
      }),
  );
});
