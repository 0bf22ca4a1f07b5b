import { assertShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from '../shared/checks.ts';
import { type FeatureRef, featureAt, toPairs } from '../shared/features.ts';
import { flattenFeatures, matchSpatialSize, meanSquaredError } from '../shared/geometry.ts';
import { l2Normalize, stopGradient } from '../shared/math.ts';
import { collectWeights, type Projector, projector } from '../shared/projector.ts';

/**
 * The features that take part: each of the student's is compared with all of the teacher's,
 * weighted by attention.
 */
export interface FeatureLists {
  readonly student: readonly FeatureRef[];
  readonly teacher: readonly FeatureRef[];
}

/** Options of SemCKD. */
export interface SemCkdOptions {
  /**
   * Number of images in every batch: attention is computed from each image's similarities to all of
   * them.
   */
  readonly batchSize: number;
  /** Batch size / channels of a query or a key; 4. */
  readonly factor?: number;
  /** Seed of the initial weights; 0. */
  readonly seed?: number;
}

/**
 * Attention-weighted mean squared error over all pairs of layers.
 *
 * Σ over student layers i and teacher layers j of attention_ij · mean of (projected_ij −
 * teacher_ij)², divided by the number of student layers
 * @param projected [i][j]: student layer i, projected to the channels and the size at which it is
 * compared with teacher layer j.
 * @param teacher [i][j]: teacher layer j at that size. Not differentiated.
 * @param attention [batch, student layers, teacher layers], adding up to 1 over the teacher's.
 * @returns [batch], ≥ 0.
 * @throws RangeError for shapes that do not match.
 * Source: Chen et al., "Cross-layer distillation with semantic calibration" (2021), section 3.
 */
export function semCkdPerExample(
  projected: readonly (readonly tf.Tensor[])[],
  teacher: readonly (readonly tf.Tensor[])[],
  attention: tf.Tensor3D,
): tf.Tensor1D {
  assertShape('semCkd', 'attention', attention, [
    null,
    projected.length,
    projected[0]?.length ?? 0,
  ]);
  return tf.tidy(() => {
    const distances = projected.map((row, i) =>
      tf.stack(
        row.map((one, j) =>
          meanSquaredError('semCkd', one, stopGradient(teacher[i]?.[j] as tf.Tensor)),
        ),
        1,
      ),
    );
    return tf.div<tf.Tensor1D>(
      tf.sum(tf.mul(tf.stack(distances, 1), attention), [1, 2]),
      projected.length,
    );
  });
}

/**
 * Cross-layer distillation with semantic calibration (SemCKD): attention assigns each of the
 * student's layers to those of the teacher's whose similarities within the batch are alike; mean
 * over the batch. `weighted(400, semCkd({ student: [featureRef(student, 'stage1'), …], teacher:
 * [featureRef(teacher, 'stage1'), …] }, { batchSize: 64 }))`, beside labels and soft targets.
 *
 * Weights: `key0` … for the teacher's layers and `query0` … for the student's, two linear maps
 * each; `project0.1` of student layer 0 for teacher layer 1, three convolutions (1×1, 3×3, 1×1)
 * with batch norm. Attention needs batches of one size: drop the last small one (`dropLast`).
 * See also `hints`, where the pairs are chosen by hand.
 * @throws RangeError without features, and in a step with another number of images.
 * Source: Chen et al., "Cross-layer distillation with semantic calibration" (2021), section 3.
 */
export function semCkd(
  features: FeatureLists,
  { batchSize, factor = 4, seed = 0 }: SemCkdOptions,
): LossTerm {
  const width = Math.floor(batchSize / factor);
  ensure(
    Number.isInteger(batchSize) && width >= 1,
    'semCkd',
    'a batchSize of at least the factor',
    [batchSize, factor],
  );
  const [students, teachers] = [
    toPairs('semCkd', features.student),
    toPairs('semCkd', features.teacher),
  ];
  const embedding = (name: string): Projector => {
    const layers = [
      { from: batchSize, to: 2 * width, bias: true, relu: true },
      { from: 2 * width, to: width, bias: true },
    ];
    return projector(layers, { name, seed });
  };
  const keys = teachers.map((_, j) => embedding(`key${j}`));
  const queries = students.map((_, i) => embedding(`query${i}`));
  const projections = students.map(({ channels: from }, i) =>
    teachers.map(({ channels: to }, j) => createProjection(from, to, `project${i}.${j}`, seed)),
  );

  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const teacherOutputs = requireTeacher('semCkd', step);
      const own = students.map((feature) => featureAt('semCkd', step.student, feature));
      const others = teachers.map((feature) =>
        stopGradient(featureAt('semCkd', teacherOutputs, feature)),
      );
      const size = own[0]?.shape[0];
      ensure(
        size === batchSize,
        'semCkd',
        `batches of ${batchSize} images`,
        size,
        'set dropLast for the batches',
      );
      const compared = projections.map((row, i) =>
        row.map(({ apply }, j) => {
          const [student, teacher] = matchSpatialSize(
            'semCkd',
            own[i] as tf.Tensor,
            others[j] as tf.Tensor,
          );
          return { projected: apply(student), teacher };
        }),
      );
      const projected = compared.map((row) => row.map((one) => one.projected));
      const targets = compared.map((row) => row.map(({ teacher }) => teacher));
      const attention = computeAttention(
        embedSimilarities(own, queries),
        embedSimilarities(others, keys),
      );
      return tf.mean(semCkdPerExample(projected, targets, attention)) as tf.Scalar;
    });
  return Object.assign(term, {
    needsTeacher: true,
    weights: collectWeights([...keys, ...queries, ...projections.flat()]),
  });
}

/**
 * Softmax of queries · keys over the teacher's layers. @returns [batch, student layers, teacher
 * layers].
 */
function computeAttention(queries: tf.Tensor3D, keys: tf.Tensor3D): tf.Tensor3D {
  return tf.softmax(tf.matMul(queries, keys, false, true));
}

/**
 * Embeds each layer's matrix of similarities between the images of the batch. @returns [batch,
 * layers, width].
 */
function embedSimilarities(
  features: readonly tf.Tensor[],
  embeddings: readonly Projector[],
): tf.Tensor3D {
  const rows = features.map((feature, at) => {
    const examples = flattenFeatures(feature);
    return l2Normalize(
      (embeddings[at] as Projector).apply(tf.matMul(examples, examples, false, true)),
    );
  });
  return tf.stack(rows, 1) as tf.Tensor3D;
}

function createProjection(from: number, to: number, name: string, seed: number): Projector {
  const middle = 2 * to;
  const layers = [
    { from, to: middle, batchNorm: true, relu: true },
    { from: middle, to: middle, size: 3, batchNorm: true, relu: true },
    { from: middle, to },
  ];
  return projector(layers, { name, seed });
}
