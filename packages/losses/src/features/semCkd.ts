import { assertShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { stopGradient } from '../detached.ts';
import { flat } from '../flat.ts';
import { type FeatureRef, featureAt, pairsOf } from '../taps.ts';
import { l2Normalize } from '../unit.ts';
import { alike, meanSquares } from './alike.ts';
import { type Projector, projector, weightsOf } from './projector.ts';

/**
 * Which of the student's features learn from which of the teacher's: each from all, as much as
 * attention says.
 */
export interface FeatureLists {
  readonly student: readonly FeatureRef[];
  readonly teacher: readonly FeatureRef[];
}

/** How attention is computed. */
export interface SemCkdOptions {
  /**
   * Pictures of every batch: attention looks at the similarities of each picture to all of them.
   */
  readonly batchSize: number;
  /** Batch size / channels of a query or a key; 4. */
  readonly factor?: number;
  /** The first weights are drawn from it; 0. */
  readonly seed?: number;
}

/**
 * How far a student's projected features are from a teacher's, each pair of layers by its
 * attention.
 *
 * Σ over student layers i and teacher layers j of attention_ij · mean of (projected_ij −
 * teacher_ij)², divided by the number of student layers
 * @param projected [i][j]: what becomes of student layer i on the channels and the size that it is
 * compared with teacher layer j on.
 * @param teacher [i][j]: teacher layer j at that size. Not differentiated.
 * @param attention [batch, student layers, teacher layers], adding up to 1 over the teacher's.
 * @returns [batch], ≥ 0.
 * @throws RangeError on shapes that do not fit.
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
        row.map((one, j) => meanSquares('semCkd', one, stopGradient(teacher[i]?.[j] as tf.Tensor))),
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
 * Semantic calibration (SemCKD): each of the student's layers learns from those of the teacher's
 * that see the batch alike; mean over the batch.
 * `weighted(400, semCkd({ student: [featureRef(student, 'stage1'), …], teacher:
 * [featureRef(teacher, 'stage1'), …] }, { batchSize: 64 }))`, beside labels and soft targets.
 *
 * Weights: `key0` … of the teacher's layers and `query0` … of the student's, two linear maps each;
 * `project0.1` of student layer 0 for teacher layer 1, three
 * convolutions (1×1, 3×3, 1×1) with batch norm. Attention needs batches of one size: leave out the
 * last small one (`dropLast`).
 * See also `hints`, where you choose the pairs.
 * @throws RangeError on no taps, and in a step with another number of pictures.
 * Source: Chen et al., "Cross-layer distillation with semantic calibration" (2021), section 3.
 */
export function semCkd(
  taps: FeatureLists,
  { batchSize, factor = 4, seed = 0 }: SemCkdOptions,
): LossTerm {
  const width = Math.floor(batchSize / factor);
  ensure(
    Number.isInteger(batchSize) && width >= 1,
    'semCkd',
    'a batchSize of at least the factor',
    [batchSize, factor],
  );
  const [students, teachers] = [pairsOf('semCkd', taps.student), pairsOf('semCkd', taps.teacher)];
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
    teachers.map(({ channels: to }, j) => projection(from, to, `project${i}.${j}`, seed)),
  );

  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const said = teacherOf('semCkd', step);
      const own = students.map((tap) => featureAt('semCkd', step.student, tap));
      const others = teachers.map((tap) => stopGradient(featureAt('semCkd', said, tap)));
      const pictures = own[0]?.shape[0];
      ensure(
        pictures === batchSize,
        'semCkd',
        `batches of ${batchSize} pictures`,
        pictures,
        'deal them with dropLast',
      );
      const compared = projections.map((row, i) =>
        row.map(({ apply }, j) => {
          const [student, teacher] = alike('semCkd', own[i] as tf.Tensor, others[j] as tf.Tensor);
          return { projected: apply(student), teacher };
        }),
      );
      const projected = compared.map((row) => row.map((one) => one.projected));
      const targets = compared.map((row) => row.map(({ teacher }) => teacher));
      const attention = attentionOf(embedded(own, queries), embedded(others, keys));
      return tf.mean(semCkdPerExample(projected, targets, attention)) as tf.Scalar;
    });
  return Object.assign(term, {
    needsTeacher: true,
    weights: weightsOf([...keys, ...queries, ...projections.flat()]),
  });
}

/**
 * softmax over the teacher's layers of queries · keys. @returns [batch, student layers, teacher
 * layers].
 */
function attentionOf(queries: tf.Tensor3D, keys: tf.Tensor3D): tf.Tensor3D {
  return tf.softmax(tf.matMul(queries, keys, false, true));
}

/**
 * What an embedding sees of a layer is how similar each picture is to all of the batch. @returns
 * [batch, layers, width].
 */
function embedded(features: readonly tf.Tensor[], embeddings: readonly Projector[]): tf.Tensor3D {
  const rows = features.map((feature, at) => {
    const examples = flat(feature);
    return l2Normalize(
      (embeddings[at] as Projector).apply(tf.matMul(examples, examples, false, true)),
    );
  });
  return tf.stack(rows, 1) as tf.Tensor3D;
}

function projection(from: number, to: number, name: string, seed: number): Projector {
  const middle = 2 * to;
  const layers = [
    { from, to: middle, batchNorm: true, relu: true },
    { from: middle, to: middle, size: 3, batchNorm: true, relu: true },
    { from: middle, to },
  ];
  return projector(layers, { name, seed });
}
