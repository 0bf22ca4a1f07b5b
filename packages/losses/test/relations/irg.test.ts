import type { LossTerm } from '@kd/core';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { irg, irgEdges } from '../../src/index.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

const at = (tap: number) => ({ student: String(tap), teacher: String(tap) });

/** Taps 0 and 1 as maps, 2 as the embedding, 3 as the logits. */
function graph(options: Parameters<typeof irg>[1] = {}): LossTerm {
  const term = irg({ maps: pairs(2), embedding: at(2) }, options);
  const withLogits = <Side extends { features: Readonly<Record<string, tf.Tensor>> }>(
    outputs: Side,
  ) => ({
    ...outputs,
    logits: outputs.features[3] as tf.Tensor2D,
  });
  return (step) =>
    term({
      ...step,
      student: withLogits(step.student),
      ...(step.teacher && { teacher: withLogits(step.teacher) }),
    });
}

/** Tap 0 as the embedding, 1 and 2 as layers. */
const edges = irgEdges({ embedding: at(0), layers: [at(1), at(2)] });

const shapes = [
  [3, 4, 2, 2],
  [3, 2, 2, 4],
  [3, 4],
  [3, 2],
];
const wide = [
  [3, 2, 2, 4],
  [3, 2, 1, 3],
  [3, 5],
  [3, 2],
];
const features = (all: number[][], seed: number) =>
  all.map((shape, place) => filled(shape, seed + place));

onEveryEngine(() => {
  test('the gradient of the graph is that of finite differences, the largest distance included', () =>
    tf.tidy(() => expectTrueGradient(graph(), features(shapes, 1), features(wide, 5), 5e-3)));
  test('the gradient of the edges is that of finite differences', () =>
    tf.tidy(() => {
      expectTrueGradient(
        edges,
        features(
          [
            [3, 4],
            [3, 6],
            [3, 6],
          ],
          1,
        ),
        features(
          [
            [3, 4],
            [3, 2, 2, 1],
            [3, 2, 2, 1],
          ],
          5,
        ),
        5e-3,
      );
    }));
  test('a student equal to its teacher costs 0 with the gradient 0', () =>
    tf.tidy(() => {
      for (const [term, teacher] of [
        [graph(), features(shapes, 1)],
        [edges, features(shapes.slice(0, 3), 1)],
      ] as const) {
        const { value, gradients } = lossOf(term, teacher, teacher);
        expect(value).toBe(0);
        for (const gradient of gradients)
          expectClose(gradient, new Array(gradient.length).fill(0), 0);
      }
    }));
  test('edges and transformations know no scale', () =>
    tf.tidy(() => {
      const [student, teacher] = [features(shapes, 1), features(wide, 5)];
      const scaled = student.map((feature) => tf.mul(feature, 8));
      const options = { vertex: 0 };
      expectClose(
        [lossOf(graph(options), scaled, teacher).value],
        [lossOf(graph(options), student, teacher).value],
        1e-5,
      );
    }));
  test('weights multiply their part', () =>
    tf.tidy(() => {
      const [student, teacher] = [features(shapes, 1), features(wide, 5)];
      const none = { vertex: 0, edge: 0, transformation: 0 };
      const parts = Object.keys(none).map(
        (part) => lossOf(graph({ ...none, [part]: 1 }), student, teacher).value,
      ) as [number, number, number];
      expectClose(
        [lossOf(graph({ vertex: 2, edge: 3, transformation: 4 }), student, teacher).value],
        [2 * parts[0] + 3 * parts[1] + 4 * parts[2]],
        1e-5,
      );
    }));
  test('examples that are all one are equally far apart', () =>
    tf.tidy(() => {
      const apart = [tf.tensor2d([0, 1, 4], [3, 1])];
      const one = irgEdges({ embedding: at(0), layers: [] });
      // Squared distances 1, 16 and 9 of 16, each twice among nine, against 1/2 each; and the
      // embeddings themselves, 0, 1 and 4 from 0.
      const expected =
        (2 / 9) * ((1 / 16 - 0.5) ** 2 + (1 - 0.5) ** 2 + (9 / 16 - 0.5) ** 2) + 17 / 3;
      expectClose([lossOf(one, [tf.zeros([3, 1])], apart).value], [expected], 1e-5);
    }));
  test('both are finite at zeros, constants, copies and 1e3', () => {
    expectFiniteEverywhere(graph(), shapes, wide);
    expectFiniteEverywhere(edges, shapes.slice(0, 3), wide.slice(0, 3));
  });
  test('they leave no tensor but their result', async () => {
    await expectTidy(graph(), features(shapes, 1), features(wide, 5));
    await expectTidy(edges, features(shapes.slice(0, 3), 1), features(wide.slice(0, 3), 5));
  });
  test('layers that are too few or odd and bad weights are named', () =>
    tf.tidy(() => {
      expect(() => irg({ maps: pairs(1), embedding: at(2) })).toThrow(
        'irg: expected two maps or more, as many of both, got 1 and 1.',
      );
      expect(() => graph({ edge: -1 })).toThrow(
        'irg: expected edge ≥ 0, got -1; 0.1 for vertices, 5 for edges and transformations are usual.',
      );
      expect(() => irgEdges({ embedding: at(0), layers: [at(1)] })).toThrow(
        'irgEdges: expected layers two by two, as many of both, got 1 and 1.',
      );
      expect(() => irgEdges({ embedding: at(0), layers: [] }, { graph: Number.NaN })).toThrow(
        'irgEdges: expected graph ≥ 0, got NaN; 1 is usual.',
      );
      const logits = [filled([3, 2], 1), filled([3, 5], 1)] as const;
      const maps = features(shapes.slice(0, 3), 1);
      expect(() => graph()(stepWith([...maps, logits[0]], [...maps, logits[1]]))).toThrow(
        'irg: expected student logits and teacher logits of the same shape, got [3, 2] and [3, 5].',
      );
    }));
});
