import type { LossTerm } from '@kd/core';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { irg, irgEdges, kdSvd } from '../../src/index.ts';
import { topRightSingularVectors } from '../../src/shared/linalg.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

describe('irg', () => {
  const at = (tap: number) => ({ student: String(tap), teacher: String(tap) });

  /** Features 0 and 1 as maps, 2 as the embedding, 3 as the logits. */
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

  /** Feature 0 as the embedding, 1 and 2 as layers. */
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
    test('edges and transformations do not depend on the scale', () =>
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
          'irg: expected at least two maps, the same number of each, got 1 and 1.',
        );
        expect(() => graph({ edge: -1 })).toThrow(
          'irg: expected edge ≥ 0, got -1; 0.1 for vertices, 5 for edges and transformations are usual.',
        );
        expect(() => irgEdges({ embedding: at(0), layers: [at(1)] })).toThrow(
          'irgEdges: expected an even number of layers, the same of each, got 1 and 1.',
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
});

describe('kdSvd', () => {
  const [one, two] = [kdSvd(pairs(2)), kdSvd(pairs(2), { vectors: 2 })];

  onEveryEngine(() => {
    test.each([
      [5, 3],
      [3, 5],
    ])('matrices of %d rows and %d columns are the sum of their directions', (rows, columns) =>
      tf.tidy(() => {
        const x = filled([2, rows, columns], 1) as tf.Tensor3D;
        const { vectors, values } = topRightSingularVectors(x, 3);
        expectClose(
          tf.matMul(vectors, vectors, true).dataSync(),
          [...tf.eye(3).dataSync(), ...tf.eye(3).dataSync()],
          1e-5,
        );
        expectClose(
          tf.matMul(tf.matMul(x, vectors), vectors, false, true).dataSync(),
          x.dataSync(),
          1e-5,
        );
        const [first, second, third] = [0, 1, 2].map((at) => values.dataSync()[at] as number) as [
          number,
          number,
          number,
        ];
        expect(first > second && second > third).toBe(true);
      }),
    );
    test('singular values are those of the matrix, and directions that it does not have are 0', () =>
      tf.tidy(() => {
        const { vectors, values } = topRightSingularVectors(
          tf.tensor3d([0, 0, 3, 0, -4, 0, 0, 0, 0, 0, 0, 0], [1, 4, 3]),
          3,
        );
        expectClose(values.dataSync(), [4, 3, 0], 1e-6);
        expectClose(tf.abs(vectors).dataSync(), [0, 0, 0, 1, 0, 0, 0, 1, 0], 1e-6);
      }));
    test('the gradient is that of finite differences, of one vector and of two, with more positions than channels and fewer', () =>
      tf.tidy(() => {
        expectTrueGradient(
          one,
          [filled([1, 2, 2, 2], 1), filled([1, 2, 1, 2], 2)],
          [filled([1, 3, 1, 2], 3), filled([1, 2, 2, 2], 4)],
          1e-2,
        );
        expectTrueGradient(
          two,
          [filled([1, 2, 1, 3], 1), filled([1, 2, 1, 2], 2)],
          [filled([1, 2, 1, 3], 3), filled([1, 2, 1, 2], 4)],
          1e-2,
        );
      }));
    test('a student with its teacher’s positions in another order and the opposite sign has loss 0', () =>
      tf.tidy(() => {
        const teacher = [filled([2, 3, 2, 4], 1), filled([2, 2, 3, 3], 2)];
        const { value, gradients } = lossOf(
          two,
          teacher.map((maps) => tf.mul(tf.reverse(maps, [1, 2]), -2)),
          teacher,
        );
        expect(value).toBeCloseTo(0, 9);
        for (const gradient of gradients)
          expectClose(gradient, new Array(gradient.length).fill(0), 1e-4);
      }));
    test('layers of known directions have the known loss', () =>
      tf.tidy(() => {
        const [left, right] = [
          tf.tensor4d([2, 0], [1, 1, 1, 2]),
          tf.tensor4d([0, 3], [1, 1, 1, 2]),
        ];
        // One student's direction is the teacher's next: nothing of the other, sign 0, is left of it.
        const near = Math.exp(-1 / 8);
        expectClose(
          [lossOf(one, [left, left], [left, right]).value],
          [2 * (1 - near) ** 2 * (1 / 2 + 1 / 2)],
          1e-5,
        );
      }));
    test('it is finite at zeros, constants, copies and 1e3', () =>
      expectFiniteEverywhere(
        two,
        [
          [2, 2, 2, 3],
          [2, 2, 1, 4],
        ],
        [
          [2, 3, 2, 3],
          [2, 1, 2, 4],
        ],
      ));
    test('it leaves no tensor but its result', () =>
      expectTidy(
        two,
        [filled([2, 3, 2, 2], 1), filled([2, 2, 2, 2], 3)],
        [filled([2, 3, 2, 2], 2), filled([2, 2, 2, 2], 4)],
      ));
    test('one layer alone, other widths and too many vectors are named', () =>
      tf.tidy(() => {
        expect(() => kdSvd(pairs(1))).toThrow(
          'kdSvd: expected at least two layers, the same number of each, got 1 and 1.',
        );
        const [narrow, wide] = [filled([1, 2, 2, 2], 1), filled([1, 2, 2, 3], 1)];
        expect(() => one(stepWith([narrow, narrow], [narrow, wide]))).toThrow(
          'kdSvd: expected student and teacher features with the same number of channels, got [1, 2, 2, 2] and [1, 2, 2, 3]; choose features of equal width.',
        );
        expect(() =>
          kdSvd(pairs(2), { vectors: 3 })(stepWith([narrow, narrow], [narrow, narrow])),
        ).toThrow('kdSvd: expected 1 to 2 vectors, got 3; 1 is usual.');
      }));
  });
});
