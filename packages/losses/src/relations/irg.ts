import { assertSameShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameBatch, requireTeacher } from '../shared/checks.ts';
import { type FeaturePair, featureAt, mapsAt } from '../shared/features.ts';
import {
  adaptiveAveragePool,
  flattenFeatures,
  flattenSpatial,
  poolToSmaller,
} from '../shared/geometry.ts';
import { pairwiseDistances } from '../shared/linalg.ts';
import { noGrad, reciprocal, stopGradient } from '../shared/math.ts';

/** The features of one network from which its graph is computed. */
export interface GraphFeatures {
  /** At least two layers [batch, height, width, channels], in the order of the network. */
  readonly maps: readonly tf.Tensor4D[];
  /** The last feature [batch, …]. */
  readonly embedding: tf.Tensor;
  /** [batch, classes], before softmax. */
  readonly logits: tf.Tensor2D;
}

export interface IrgOptions {
  /** Weight of the vertices, the logits; 0.1. */
  readonly vertex?: number;
  /** Weight of the edges, distances between examples; 5. */
  readonly edge?: number;
  /** Weight of the transformations, distances between layers; 5. */
  readonly transformation?: number;
}

/** Names of the features of both networks. */
export interface IrgFeatures {
  readonly maps: readonly FeaturePair[];
  readonly embedding: FeaturePair;
}

/**
 * Instance relationship graph (IRG) of a batch: the logits of each example, the distances between
 * examples, and how far each example moves from layer to layer.
 *
 * vertex · mean((z_S − z_T)²) of the logits + edge · mean over layers of mean((D_S − D_T)²) +
 * transformation · mean((t_S − t_T)²), summed over consecutive layers; D_ij = ‖f_i − f_j‖² over the
 * largest of the batch, t_i = ‖a_i − b_i‖² over the largest, of two layers averaged to one size and
 * width. The largest value is differentiated too, as in the published code.
 * @param student Maps, embedding and logits. Widths and sizes may differ from the teacher's; the
 * number of classes may not.
 * @param teacher The same. Not differentiated.
 * @returns One number ≥ 0.
 * @throws RangeError for fewer than two maps, different numbers of maps, and weights that are not
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
  const { vertex, edge, transformation } = withDefaults(options);
  assertLayers(student.maps.length, teacher.maps.length);
  assertSameShape('irg', 'student logits', student.logits, 'teacher logits', teacher.logits);
  const nodes = (from: GraphFeatures): tf.Tensor[] => [from.embedding, ...from.maps];
  for (const [at, feature] of nodes(student).entries())
    assertSameBatch('irg', feature, nodes(teacher)[at] as tf.Tensor);
  return tf.tidy(() => {
    const theirs = {
      maps: teacher.maps.map((maps) => stopGradient(maps)),
      embedding: stopGradient(teacher.embedding),
      logits: stopGradient(teacher.logits),
    };
    const distance = (select: (from: GraphFeatures) => tf.Tensor[]): tf.Scalar => {
      const target = select(theirs);
      return tf.addN(
        select(student).map((graph, at) => meanSquaredDifference(graph, target[at] as tf.Tensor)),
      );
    };
    const edges = tf.div(
      distance((from) => nodes(from).map((feature) => distanceGraph(feature))),
      student.maps.length + 1,
    );
    const steps = distance(({ maps }) =>
      maps.slice(1).map((above, at) => layerTransformation(maps[at] as tf.Tensor4D, above)),
    );
    const vertices = meanSquaredDifference(student.logits, theirs.logits);
    return tf.addN([tf.mul(vertices, vertex), tf.mul(edges, edge), tf.mul(steps, transformation)]);
  });
}

/**
 * Instance relationship graph of the batch; its weights are its options. It needs a live teacher:
 * cached logits have no features.
 */
export function irg({ maps, embedding }: IrgFeatures, options: IrgOptions = {}): LossTerm {
  withDefaults(options);
  assertLayers(maps.length, maps.length);
  const term: LossTerm = (step) => {
    const featuresOf = (side: 'student' | 'teacher'): GraphFeatures => {
      const outputs = side === 'student' ? step.student : requireTeacher('irg', step);
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

function withDefaults({
  vertex = 0.1,
  edge = 5,
  transformation = 5,
}: IrgOptions): Required<IrgOptions> {
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

function assertLayers(student: number, teacher: number): void {
  ensure(
    student >= 2 && student === teacher,
    'irg',
    'at least two maps, the same number of each',
    `${student} and ${teacher}`,
  );
}

/** Mean of the squared differences of two tensors of one shape. */
export function meanSquaredDifference(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  return tf.mean(tf.square(tf.sub(student, teacher)));
}

/**
 * Lower bound of squared distances, as in the published code: in a batch of identical examples all
 * are equally far apart.
 */
const minSquaredDistance = 1e-12;

/**
 * Returns [batch, batch]: the squared distances between examples, divided by the largest.
 * @param more Added to the largest.
 */
export function distanceGraph(feature: tf.Tensor, more = 0): tf.Tensor2D {
  const { squared } = pairwiseDistances(flattenFeatures(feature));
  const isOther = tf.sub<tf.Tensor2D>(1, tf.eye(squared.shape[0]));
  return divideByLargest(
    tf.mul<tf.Tensor2D>(tf.maximum(squared, minSquaredDistance), isOther),
    more,
  );
}

/**
 * Returns [batch]: how far each example moves from one layer to the next, divided by the farthest;
 * both averaged to the smaller size and to the fewer channels.
 */
export function layerTransformation(below: tf.Tensor4D, above: tf.Tensor4D): tf.Tensor1D {
  const channels = Math.min(below.shape[3], above.shape[3]);
  const [from, to] = poolToSmaller(below, above).map((maps) => poolChannels(maps, channels)) as [
    tf.Tensor3D,
    tf.Tensor3D,
  ];
  return divideByLargest(
    tf.maximum<tf.Tensor1D>(tf.sum(tf.square(tf.sub(from, to)), [1, 2]), minSquaredDistance),
    0,
  );
}

/** Averages consecutive channels in as many bins. */
function poolChannels(maps: tf.Tensor4D, channels: number): tf.Tensor3D {
  const [batch, height, width, from] = maps.shape;
  const lines = adaptiveAveragePool(
    tf.reshape(flattenSpatial(maps), [batch, height * width, from, 1]),
    [height * width, channels],
  );
  return tf.reshape(lines, [batch, height * width, channels]);
}

/**
 * Divides x ≥ 0 by its largest value, which is differentiated too; equal largest values share the
 * gradient.
 */
function divideByLargest<T extends tf.Tensor>(x: T, more: number): T {
  const isLargest = noGrad(() => tf.cast(tf.equal(x, tf.max(x)), 'float32'));
  const largest = tf.div(tf.sum(tf.mul(x, isLargest)), tf.sum(isLargest));
  return tf.mul(x, reciprocal(tf.add(largest, more))) as T;
}
