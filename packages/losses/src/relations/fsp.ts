import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertMaps, assertSameChannels } from '../shared/checks.ts';
import { type FeaturePair, featuresTerm, mapsAt } from '../shared/features.ts';
import { flattenSpatial, poolToSmaller } from '../shared/geometry.ts';
import { stopGradient } from '../shared/math.ts';

/**
 * Distance between the layer-to-layer flow matrices of student and teacher.
 *
 * From layer to layer G = Aᵀ·B / positions, [channels of A, channels of B], the products of the
 * layers' channels averaged over the positions; mean((G_S − G_T)²), summed over consecutive layers.
 * Of two layers with different sizes the larger is averaged down (the paper takes maxima).
 * @param studentMaps At least two layers, each [batch, height, width, channels], in the order of
 * the network.
 * @param teacherMaps As many layers, each with the channels of the student's, of any size. Not
 * differentiated.
 * @returns [batch], ≥ 0.
 * @throws RangeError for fewer than two layers and for channels that differ.
 * Source: Yim, Joo, Bae, Kim, "A gift from knowledge distillation" (2017), section 3.2; sum and
 * pooling as in RepDistiller.
 * See also `irg`, `kdSvd`.
 */
export function fspPerExample(
  studentMaps: readonly tf.Tensor4D[],
  teacherMaps: readonly tf.Tensor4D[],
): tf.Tensor1D {
  assertLayers(studentMaps.length, teacherMaps.length);
  for (const [at, student] of studentMaps.entries()) {
    const teacher = teacherMaps[at] as tf.Tensor4D;
    assertMaps('fsp', student, teacher);
    assertSameChannels('fsp', student, teacher, 'choose features of equal width');
  }
  return tf.tidy(() => {
    const [ours, theirs] = [
      flows(studentMaps),
      flows(teacherMaps.map((maps) => stopGradient(maps))),
    ];
    return tf.addN(
      ours.map((flow, at) =>
        tf.mean<tf.Tensor1D>(tf.square(tf.sub(flow, theirs[at] as tf.Tensor3D)), [1, 2]),
      ),
    );
  });
}

/**
 * Flow of solution procedure (FSP), mean over the batch; usually `weighted(50, fsp(pairs))`, or 1
 * (AberHu's zoo). The paper, and RepDistiller (whose 50 then has no effect), train with it alone
 * first and then on labels alone: weights that are schedules.
 * @param pairs At least two, in the order of the network.
 */
export function fsp(pairs: readonly FeaturePair[]): LossTerm {
  assertLayers(pairs.length, pairs.length);
  return featuresTerm('fsp', pairs, mapsAt, (student, teacher) =>
    tf.mean(fspPerExample(student, teacher)),
  );
}

function flows(layers: readonly tf.Tensor4D[]): tf.Tensor3D[] {
  return layers.slice(1).map((upper, at) => {
    const [below, above] = poolToSmaller(layers[at] as tf.Tensor4D, upper);
    return tf.div(
      tf.matMul(flattenSpatial(below), flattenSpatial(above), true),
      below.shape[1] * below.shape[2],
    );
  });
}

function assertLayers(student: number, teacher: number): void {
  ensure(
    student >= 2 && student === teacher,
    'fsp',
    'at least two layers, the same number of each',
    `${student} and ${teacher}`,
  );
}
