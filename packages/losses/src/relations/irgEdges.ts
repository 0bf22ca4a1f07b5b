import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameBatch, requireTeacher } from '../shared/checks.ts';
import { type FeaturePair, featureAt } from '../shared/features.ts';
import { stopGradient } from '../shared/math.ts';
import { distanceGraph, meanSquaredDifference } from './irg.ts';

export interface IrgEdgesOptions {
  /** Weight of vertices and edges of the embedding; 1. */
  readonly graph?: number;
  /** Weight of the differences between layers; 1. */
  readonly transformation?: number;
}

/** Names of the features of both networks. */
export interface IrgEdgesFeatures {
  readonly embedding: FeaturePair;
  /** Layers in pairs: the first with the second, the third with the fourth … */
  readonly layers: readonly FeaturePair[];
}

/**
 * The instance relationship graph as in its authors' code, which compares how much the edges of two
 * layers differ.
 *
 * graph · (mean((D_S − D_T)²) + mean((f_S − f_T)²)) of the embedding f, the second if shapes are
 * the same, + transformation · Σ over layers a, b of (mean((D_a − D_b)²) of the student − the same
 * of the teacher)², and the same of a and b themselves if they have one shape in both networks;
 * D_ij = ‖f_i − f_j‖² over the largest of the batch.
 * @param student The embedding [batch, …], then the layers, in pairs. Shapes may differ from the
 * teacher's.
 * @param teacher As many features. Not differentiated.
 * @returns One number ≥ 0.
 * @throws RangeError for an odd number of layers and for weights that are not finite or < 0.
 * Source: Liu et al., "Knowledge distillation via instance relationship graph" (2019); code as in
 * yufanLIU/IRG and SemCKD.
 * See also `irg`, the form of the paper.
 */
export function irgEdgesBatchwise(
  student: readonly tf.Tensor[],
  teacher: readonly tf.Tensor[],
  options: IrgEdgesOptions = {},
): tf.Scalar {
  const { graph, transformation } = withDefaults(options);
  assertLayers(student.length - 1, teacher.length - 1);
  for (const [at, feature] of student.entries())
    assertSameBatch('irgEdges', feature, teacher[at] as tf.Tensor);
  return tf.tidy(() => {
    const theirs = teacher.map((feature) => stopGradient(feature));
    const [embedding, target] = [student[0] as tf.Tensor, theirs[0] as tf.Tensor];
    const edges = meanSquaredDifference(edgeGraph(embedding), edgeGraph(target));
    const whole = tf.util.arraysEqual(embedding.shape, target.shape)
      ? tf.add(edges, meanSquaredDifference(embedding, target))
      : edges;
    const steps = layerPairs(student).map((pair, at) =>
      changeDistance(pair, layerPairs(theirs)[at] as LayerPair),
    );
    return tf.addN([
      tf.mul(whole, graph),
      ...steps.map((step) => tf.mul<tf.Scalar>(step, transformation)),
    ]);
  });
}

/**
 * The authors' form of the instance relationship graph, over the batch; `weighted(0.005,
 * irgEdges(…))` in SemCKD's scripts. It needs a live teacher.
 */
export function irgEdges(
  { embedding, layers }: IrgEdgesFeatures,
  options: IrgEdgesOptions = {},
): LossTerm {
  withDefaults(options);
  assertLayers(layers.length, layers.length);
  const pairs = [embedding, ...layers];
  const term: LossTerm = (step) => {
    const student = pairs.map((pair) => featureAt('irgEdges', step.student, pair.student));
    const teacher = pairs.map((pair) =>
      featureAt('irgEdges', requireTeacher('irgEdges', step), pair.teacher),
    );
    return irgEdgesBatchwise(student, teacher, options);
  };
  return Object.assign(term, { needsTeacher: true });
}

/** The distance graph with 1e-12 added to the largest distance, as in the published code. */
function edgeGraph(feature: tf.Tensor): tf.Tensor2D {
  return distanceGraph(feature, 1e-12);
}

type LayerPair = readonly [below: tf.Tensor, above: tf.Tensor];

function layerPairs([, ...layers]: readonly tf.Tensor[]): LayerPair[] {
  return Array.from({ length: layers.length / 2 }, (_, at) => [
    layers[2 * at] as tf.Tensor,
    layers[2 * at + 1] as tf.Tensor,
  ]);
}

/** Squared difference between how much the student and the teacher change between two layers. */
function changeDistance(student: LayerPair, teacher: LayerPair): tf.Scalar {
  const edges = (pair: LayerPair): tf.Scalar =>
    meanSquaredDifference(edgeGraph(pair[0]), edgeGraph(pair[1]));
  const edgeChange = meanSquaredDifference(edges(student), edges(teacher));
  const sameShape = [student, teacher].every(([below, above]) =>
    tf.util.arraysEqual(below.shape, above.shape),
  );
  return sameShape
    ? tf.add(
        edgeChange,
        meanSquaredDifference(meanSquaredDifference(...student), meanSquaredDifference(...teacher)),
      )
    : edgeChange;
}

function withDefaults({
  graph = 1,
  transformation = 1,
}: IrgEdgesOptions): Required<IrgEdgesOptions> {
  for (const [name, weight] of Object.entries({ graph, transformation })) {
    ensure(weight >= 0 && weight < Infinity, 'irgEdges', `${name} ≥ 0`, weight, '1 is usual');
  }
  return { graph, transformation };
}

function assertLayers(student: number, teacher: number): void {
  ensure(
    student % 2 === 0 && student === teacher,
    'irgEdges',
    'an even number of layers, the same of each',
    `${student} and ${teacher}`,
  );
}
