import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertMaps, assertSameChannels } from '../shared/checks.ts';
import { type FeaturePair, featuresTerm, mapsAt } from '../shared/features.ts';
import { flattenSpatial } from '../shared/geometry.ts';
import { argMaxMask, topRightSingularVectors } from '../shared/linalg.ts';
import { l2Normalize, noGrad, stopGradient } from '../shared/math.ts';

export interface KdSvdOptions {
  /** k ≥ 1, the number of singular vectors that are compared; 1. */
  readonly vectors?: number;
}

/**
 * Distance between consecutive layers' singular vectors, in the student as in the teacher (KDSVD).
 *
 * V are the first k right singular vectors of a layer's maps as [positions, channels]; of the
 * student's first k + 3 those that are most similar to the teacher's, with their sign. Σ over
 * consecutive layers ‖exp(−(v − v′)² / 8) of the student − the same of the teacher‖², over all
 * pairs of a channel of one and a channel of the next, v weighted by the teacher's singular values,
 * which together have length 1. The sign of a teacher's vector is free; its largest entry is made
 * positive.
 * Gradients pass through the decomposition; they grow as singular values approach each other, and
 * float32 separates them to about 1e-4.
 * @param studentMaps At least two layers, each [batch, height, width, channels], in the order of
 * the network.
 * @param teacherMaps As many layers, each with the channels of the student's, of any size. Not
 * differentiated.
 * @returns [batch], ≥ 0. Directions that a map of low rank does not have count as 0.
 * @throws RangeError for fewer than two layers, for channels that differ, and for more vectors than
 * channels or positions.
 * Source: Lee, Kim, Song, "Self-supervised knowledge distillation using singular value
 * decomposition" (2018), section 3; as in RepDistiller.
 * See also `fsp`, which needs no decomposition and is far quicker.
 */
export function kdSvdPerExample(
  studentMaps: readonly tf.Tensor4D[],
  teacherMaps: readonly tf.Tensor4D[],
  { vectors = 1 }: KdSvdOptions = {},
): tf.Tensor1D {
  assertLayers(studentMaps.length, teacherMaps.length);
  for (const [at, student] of studentMaps.entries())
    assertLayer(student, teacherMaps[at] as tf.Tensor4D, vectors);
  return tf.tidy(() => {
    const layers = studentMaps.map((student, at) =>
      matchedDirections(student, stopGradient(teacherMaps[at] as tf.Tensor4D), vectors),
    );
    const steps = layers.slice(1).map((above, at) => {
      const below = layers[at] as Directions;
      const difference = tf.sub(
        kernelBetween(below.student, above.student),
        kernelBetween(below.teacher, above.teacher),
      );
      return tf.sum<tf.Tensor1D>(tf.square(difference), [1, 2, 3]);
    });
    return tf.addN(steps);
  });
}

/**
 * KDSVD, mean over the batch; RepDistiller's weight is 1.
 * @param pairs At least two, in the order of the network.
 */
export function kdSvd(pairs: readonly FeaturePair[], options: KdSvdOptions = {}): LossTerm {
  assertLayers(pairs.length, pairs.length);
  return featuresTerm('kdSvd', pairs, mapsAt, (student, teacher) =>
    tf.mean(kdSvdPerExample(student, teacher, options)),
  );
}

/** [batch, channels, k], weighted by the singular values. */
interface Directions {
  readonly student: tf.Tensor3D;
  readonly teacher: tf.Tensor3D;
}

function matchedDirections(
  studentMaps: tf.Tensor4D,
  teacherMaps: tf.Tensor4D,
  count: number,
): Directions {
  const [ours, theirs] = [flattenSpatial(studentMaps), flattenSpatial(teacherMaps)];
  const several = topRightSingularVectors(
    ours,
    Math.min(count + 3, ours.shape[1], ours.shape[2]),
  ).vectors;
  const { vectors, values } = topRightSingularVectors(theirs, count);
  const teacher = tf.mul<tf.Tensor3D>(vectors, largestSign(vectors));
  const cosines = tf.matMul<tf.Tensor3D>(several, teacher, true);
  const student = tf.matMul<tf.Tensor3D>(
    several,
    noGrad(() => signedChoice(cosines)),
  );
  const weights = l2Normalize(values);
  return { student: tf.mul(student, weights), teacher: tf.mul(teacher, weights) };
}

/** Returns [batch, 1, k]: the sign of the largest entry. */
function largestSign(vectors: tf.Tensor3D): tf.Tensor3D {
  return tf.sum(
    noGrad(() => signedChoice(vectors)),
    1,
    true,
  );
}

/** Returns, along axis 1, the sign of the entry with the largest magnitude, and 0 elsewhere. */
function signedChoice(x: tf.Tensor3D): tf.Tensor3D {
  return tf.mul(argMaxMask(tf.abs(x)), tf.sign(x));
}

/** [batch, channels below, channels above, k]. */
function kernelBetween(below: tf.Tensor3D, above: tf.Tensor3D): tf.Tensor4D {
  return tf.exp(
    tf.div(tf.square(tf.sub<tf.Tensor4D>(tf.expandDims(below, 2), tf.expandDims(above, 1))), -8),
  );
}

function assertLayers(student: number, teacher: number): void {
  ensure(
    student >= 2 && student === teacher,
    'kdSvd',
    'at least two layers, the same number of each',
    `${student} and ${teacher}`,
  );
}

function assertLayer(student: tf.Tensor4D, teacher: tf.Tensor4D, vectors: number): void {
  assertMaps('kdSvd', student, teacher);
  assertSameChannels('kdSvd', student, teacher, 'choose features of equal width');
  const most = Math.min(
    student.shape[3],
    ...[student, teacher].map(({ shape }) => shape[1] * shape[2]),
  );
  ensure(
    Number.isInteger(vectors) && vectors >= 1 && vectors <= most,
    'kdSvd',
    `1 to ${most} vectors`,
    vectors,
    '1 is usual',
  );
}
