import { assertSameShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { stopGradient } from '../detached.ts';
import { type FeaturePair, featureAt, mapsAt } from '../taps.ts';
import { expectSameBatch } from './expectations.ts';
import { graphOf, meanSquare, transformationOf } from './graphs.ts';

/** What a network says of a batch, as the graph's vertices, edges and transformation. */
export interface GraphFeatures {
  /** Two layers or more [batch, height, width, channels], in the order of the network. */
  readonly maps: readonly tf.Tensor4D[];
  /** The last feature [batch, …]. */
  readonly embedding: tf.Tensor;
  /** [batch, classes], before softmax. */
  readonly logits: tf.Tensor2D;
}

export interface IrgOptions {
  /** Weight of the vertices, the logits; 0.1. */
  readonly vertex?: number;
  /** Weight of the edges, distances of examples; 5. */
  readonly edge?: number;
  /** Weight of the transformations, distances of layers; 5. */
  readonly transformation?: number;
}

/** Where the features of both networks are. */
export interface IrgFeatures {
  readonly maps: readonly FeaturePair[];
  readonly embedding: FeaturePair;
}

/**
 * The graph of a batch: what each example is, how far examples are from each other, and how far
 * each moves from layer to layer (IRG).
 *
 * vertex · mean((z_S − z_T)²) of the logits + edge · mean over layers of mean((D_S − D_T)²) +
 * transformation · mean((t_S − t_T)²), summed over layers that
 * follow on each other; D_ij = ‖f_i − f_j‖² over the largest of the batch, t_i = ‖a_i − b_i‖² over
 * the largest, of two layers averaged to one size and width.
 * The largest is part of the gradient, as in the published code.
 * @param student Maps, embedding and logits. Widths and sizes may differ from the teacher's; the
 * logits' classes not.
 * @param teacher The same. Not differentiated.
 * @returns One number ≥ 0.
 * @throws RangeError on fewer than two maps, another number of them, and weights that are not
 * finite or < 0.
 * Source: Liu et al., "Knowledge distillation via instance relationship graph" (2019), section 3;
 * as in AberHu's Knowledge-Distillation-Zoo.
 * See also `irgEdges`, the form of its authors' code, `rkd`, `fsp`.
 */
export function irgBatchwise(
  student: GraphFeatures,
  teacher: GraphFeatures,
  options: IrgOptions = {},
): tf.Scalar {
  const { vertex, edge, transformation } = checked(options);
  expectLayers(student.maps.length, teacher.maps.length);
  assertSameShape('irg', 'student logits', student.logits, 'teacher logits', teacher.logits);
  const nodes = (from: GraphFeatures): tf.Tensor[] => [from.embedding, ...from.maps];
  for (const [at, feature] of nodes(student).entries())
    expectSameBatch('irg', feature, nodes(teacher)[at] as tf.Tensor);
  return tf.tidy(() => {
    const theirs = {
      maps: teacher.maps.map((maps) => stopGradient(maps)),
      embedding: stopGradient(teacher.embedding),
      logits: stopGradient(teacher.logits),
    };
    const distance = (of: (from: GraphFeatures) => tf.Tensor[]): tf.Scalar => {
      const wanted = of(theirs);
      return tf.addN(of(student).map((graph, at) => meanSquare(graph, wanted[at] as tf.Tensor)));
    };
    const edges = tf.div(
      distance((from) => nodes(from).map((feature) => graphOf(feature))),
      student.maps.length + 1,
    );
    const steps = distance(({ maps }) =>
      maps.slice(1).map((above, at) => transformationOf(maps[at] as tf.Tensor4D, above)),
    );
    const vertices = meanSquare(student.logits, theirs.logits);
    return tf.addN([tf.mul(vertices, vertex), tf.mul(edges, edge), tf.mul(steps, transformation)]);
  });
}

/**
 * Instance relationship graph over the batch; its weights are its options. It needs a live teacher:
 * a recording has no features.
 */
export function irg({ maps, embedding }: IrgFeatures, options: IrgOptions = {}): LossTerm {
  checked(options);
  expectLayers(maps.length, maps.length);
  const term: LossTerm = (step) => {
    const featuresOf = (side: 'student' | 'teacher'): GraphFeatures => {
      const outputs = side === 'student' ? step.student : teacherOf('irg', step);
      return {
        maps: maps.map((pair) => mapsAt('irg', outputs, pair[side])),
        embedding: featureAt('irg', outputs, embedding[side]),
        logits: outputs.logits,
      };
    };
    return irgBatchwise(featuresOf('student'), featuresOf('teacher'), options);
  };
  return Object.assign(term, { needsTeacher: true });
}

function checked({ vertex = 0.1, edge = 5, transformation = 5 }: IrgOptions): Required<IrgOptions> {
  for (const [name, weight] of Object.entries({ vertex, edge, transformation })) {
    ensure(
      weight >= 0 && weight < Infinity,
      'irg',
      `${name} ≥ 0`,
      weight,
      '0.1 for vertices, 5 for edges and transformations are usual',
    );
  }
  return { vertex, edge, transformation };
}

function expectLayers(student: number, teacher: number): void {
  ensure(
    student >= 2 && student === teacher,
    'irg',
    'two maps or more, as many of both',
    `${student} and ${teacher}`,
  );
}
