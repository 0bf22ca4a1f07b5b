import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { stopGradient } from '../detached.ts';
import { type FeaturePair, featureAt } from '../taps.ts';
import { expectSameBatch } from './expectations.ts';
import { graphOf, meanSquare } from './graphs.ts';

export interface IrgEdgesOptions {
  /** Weight of vertices and edges of the embedding; 1. */
  readonly graph?: number;
  /** Weight of how layers differ; 1. */
  readonly transformation?: number;
}

/** Where the features of both networks are. */
export interface IrgEdgesFeatures {
  readonly embedding: FeaturePair;
  /** Layers two by two: the first with the second, the third with the fourth … */
  readonly layers: readonly FeaturePair[];
}

/**
 * The graph of a batch, as the authors of the instance relationship graph have it in their code: of
 * layers it compares by how much their edges differ.
 *
 * graph · (mean((D_S − D_T)²) + mean((f_S − f_T)²)) of the embedding f, the second where shapes are
 * the same, + transformation · Σ over layers a, b of
 * (mean((D_a − D_b)²) of the student − the same of the teacher)², and the same of a and b
 * themselves where they have one shape in both networks;
 * D_ij = ‖f_i − f_j‖² over the largest of the batch.
 * @param student The embedding [batch, …], then the layers, two by two. Shapes may differ from the
 * teacher's.
 * @param teacher As many features. Not differentiated.
 * @returns One number ≥ 0.
 * @throws RangeError on an odd number of layers and on weights that are not finite or < 0.
 * Source: Liu et al., "Knowledge distillation via instance relationship graph" (2019); code as in
 * yufanLIU/IRG and SemCKD.
 * See also `irg`, the form of the paper.
 */
export function irgEdgesBatchwise(
  student: readonly tf.Tensor[],
  teacher: readonly tf.Tensor[],
  options: IrgEdgesOptions = {},
): tf.Scalar {
  const { graph, transformation } = checked(options);
  expectLayers(student.length - 1, teacher.length - 1);
  for (const [at, feature] of student.entries())
    expectSameBatch('irgEdges', feature, teacher[at] as tf.Tensor);
  return tf.tidy(() => {
    const theirs = teacher.map((feature) => stopGradient(feature));
    const [embedding, wanted] = [student[0] as tf.Tensor, theirs[0] as tf.Tensor];
    const edges = meanSquare(edgesOf(embedding), edgesOf(wanted));
    const whole = tf.util.arraysEqual(embedding.shape, wanted.shape)
      ? tf.add(edges, meanSquare(embedding, wanted))
      : edges;
    const steps = pairsFrom(student).map((pair, at) =>
      changeDistance(pair, pairsFrom(theirs)[at] as LayerPair),
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
  checked(options);
  expectLayers(layers.length, layers.length);
  const taps = [embedding, ...layers];
  const term: LossTerm = (step) => {
    const student = taps.map((pair) => featureAt('irgEdges', step.student, pair.student));
    const teacher = taps.map((pair) =>
      featureAt('irgEdges', teacherOf('irgEdges', step), pair.teacher),
    );
    return irgEdgesBatchwise(student, teacher, options);
  };
  return Object.assign(term, { needsTeacher: true });
}

/** With the 1e-12 that the code adds to the largest distance. */
function edgesOf(feature: tf.Tensor): tf.Tensor2D {
  return graphOf(feature, 1e-12);
}

type LayerPair = readonly [below: tf.Tensor, above: tf.Tensor];

function pairsFrom([, ...layers]: readonly tf.Tensor[]): LayerPair[] {
  return Array.from({ length: layers.length / 2 }, (_, at) => [
    layers[2 * at] as tf.Tensor,
    layers[2 * at + 1] as tf.Tensor,
  ]);
}

/** How much less or more the student changes between two layers than the teacher, squared. */
function changeDistance(student: LayerPair, teacher: LayerPair): tf.Scalar {
  const edges = (pair: LayerPair): tf.Scalar => meanSquare(edgesOf(pair[0]), edgesOf(pair[1]));
  const ofEdges = meanSquare(edges(student), edges(teacher));
  const alike = [student, teacher].every(([below, above]) =>
    tf.util.arraysEqual(below.shape, above.shape),
  );
  return alike
    ? tf.add(ofEdges, meanSquare(meanSquare(...student), meanSquare(...teacher)))
    : ofEdges;
}

function checked({ graph = 1, transformation = 1 }: IrgEdgesOptions): Required<IrgEdgesOptions> {
  for (const [name, weight] of Object.entries({ graph, transformation })) {
    ensure(weight >= 0 && weight < Infinity, 'irgEdges', `${name} ≥ 0`, weight, '1 is usual');
  }
  return { graph, transformation };
}

function expectLayers(student: number, teacher: number): void {
  ensure(
    student % 2 === 0 && student === teacher,
    'irgEdges',
    'layers two by two, as many of both',
    `${student} and ${teacher}`,
  );
}
