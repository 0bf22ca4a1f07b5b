import { compile, type LossTerm } from '@kd/core';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import * as losses from '../../src/index.ts';
import { filled, lossOf, pairs, stepWith } from './features.ts';

const [one, two] = [pairs(), pairs(2)];
const [first, second, third] = pairs(3) as [
  losses.FeaturePair,
  losses.FeaturePair,
  losses.FeaturePair,
];

/**
 * Each with how many features it uses: a gradient to a feature that has no part in the loss is an
 * error.
 */
const terms: Readonly<Record<string, readonly [number, LossTerm]>> = {
  attentionTransfer: [2, losses.attentionTransfer(two)],
  'attentionTransfer, lengths': [2, losses.attentionTransfer(two, { distance: 'length' })],
  cwd: [1, losses.cwd(one)],
  correlationCongruence: [1, losses.correlationCongruence(one)],
  'correlationCongruence, kernel': [2, losses.correlationCongruence(two, { kernel: {} })],
  irgEdges: [3, losses.irgEdges({ embedding: third, layers: [first, second] })],
  fsp: [2, losses.fsp(two)],
  irg: [3, losses.irg({ maps: [first, second], embedding: third })],
  ickd: [1, losses.ickd(one)],
  nst: [2, losses.nst(two)],
  pkd: [2, losses.pkd(two)],
  pkt: [2, losses.pkt(two)],
  rkd: [2, losses.rkd(two)],
  similarityPreserving: [2, losses.similarityPreserving(two)],
  kdSvd: [2, losses.kdSvd(two)],
};

onEveryEngine(() => {
  test.each(Object.entries(terms))(
    '%s is the same compiled, in value and gradient, on other numbers too',
    (_, [taps, term]) => {
      const compiled = compile((student: tf.Tensor[], teacher: tf.Tensor[]) => {
        const { value, grads } = tf.valueAndGrads((...features: tf.Tensor[]) =>
          term(stepWith(features, teacher)),
        )(student);
        return [value, ...grads];
      });
      tf.tidy(() => {
        for (const seed of [1, 2]) {
          const student = [
            filled([4, 4, 4, 3], seed),
            filled([4, 2, 2, 5], seed + 10),
            filled([4, 6], seed + 20),
          ].slice(0, taps);
          const teacher = [
            filled([4, 4, 4, 3], seed + 30),
            filled([4, 3, 3, 5], seed + 40),
            filled([4, 6], seed + 50),
          ].slice(0, taps);
          const [value, ...grads] = compiled(student, teacher) as [tf.Tensor, ...tf.Tensor[]];
          const eager = lossOf(term, student, teacher);
          expectClose(value.dataSync(), [eager.value], 1e-5);
          expect(eager.value).toBeGreaterThan(0);
          for (const [at, gradient] of eager.gradients.entries())
            expectClose((grads[at] as tf.Tensor).dataSync(), gradient, 1e-4);
        }
      });
    },
  );
});
