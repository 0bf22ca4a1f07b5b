import {
  assertShape,
  deriveSeed,
  ensure,
  expectedError,
  foldIn,
  type LossInputs,
  type LossTerm,
} from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from '../shared/checks.ts';
import { type FeaturePair, type FeatureRef, rowsAt } from '../shared/features.ts';
import { l2Normalize, noGrad, softplus, stopGradient } from '../shared/math.ts';
import { createMemoryBank, type MemoryBank } from '../shared/memoryBank.ts';
import { createEmbeddings } from '../shared/projector.ts';
import { type NegativeSampler, uniformNegatives } from './negatives.ts';

/** Options of CRD's noise-contrastive loss. */
export interface ContrastLossOptions {
  /** Number of images in the whole dataset, N. */
  readonly datasetSize: number;
  /** Added to K/N; 1e-7. */
  readonly epsilon?: number;
}

/**
 * Noise-contrastive estimation over one positive pair and K negatives: a binary classification of
 * the image's own pair against pairs drawn at random.
 *
 * −log(P₀ / (P₀ + K/N + ε)) − Σ_k log((K/N) / (P_k + K/N + ε)), computed from log P throughout.
 * @param logScores [batch, 1 + K], log P; the positive pair comes first. In `crd` P = exp(cosine /
 * temperature) / Z.
 * @param options.datasetSize N ≥ 1.
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError without a negative and for N < 1.
 * Source: Tian, Krishnan, Isola, "Contrastive representation distillation" (ICLR 2020), section
 * 3.1; RepDistiller, `ContrastLoss`.
 * See also: `crd`, which computes the scores; `infoNce`.
 */
export function contrastLossPerExample(
  logScores: tf.Tensor2D,
  options: ContrastLossOptions,
): tf.Tensor1D {
  assertShape('contrastLoss', 'log scores [batch, 1 + negatives]', logScores, [null, null]);
  const [batch, candidates] = logScores.shape;
  const negatives = candidates - 1;
  ensure(
    negatives >= 1,
    'contrastLoss',
    'a positive and at least one negative',
    `[${logScores.shape.join(', ')}]`,
  );
  return tf.tidy(() => {
    const positive = tf.reshape<tf.Rank.R1>(tf.slice2d(logScores, [0, 0], [batch, 1]), [batch]);
    return noiseContrast(positive, tf.slice2d(logScores, [0, 1], [batch, negatives]), {
      ...options,
      negatives,
    });
  });
}

/**
 * The same loss with the positives [batch] separate from the negatives.
 * @param options.drawn [batch, others], how often each of the others was drawn, `negatives` times
 * in total; once each by default.
 */
export function noiseContrast(
  positive: tf.Tensor1D,
  others: tf.Tensor2D,
  {
    datasetSize,
    epsilon = 1e-7,
    negatives,
    drawn,
  }: ContrastLossOptions & { readonly negatives: number; readonly drawn?: tf.Tensor2D },
): tf.Tensor1D {
  ensure(datasetSize >= 1, 'contrastLoss', 'a dataset of at least one image', datasetSize);
  const expected = negatives / datasetSize;
  const logNoise = Math.log(expected + epsilon);
  return tf.tidy(() => {
    const positiveLoss = softplus(tf.sub(logNoise, positive));
    const negativeLosses = softplus(tf.sub(others, logNoise));
    const negativeLoss = tf.sum(
      drawn === undefined ? negativeLosses : tf.mul(drawn, negativeLosses),
      1,
    );
    return tf.add(
      tf.add(positiveLoss, negativeLoss),
      negatives * Math.log1p(epsilon / expected),
    ) as tf.Tensor1D;
  });
}

/** Options of CRD, with RepDistiller's values as defaults. */
export interface CrdOptions extends FeaturePair<FeatureRef> {
  /**
   * Number of images in the whole dataset, which `batch.indices` refer to (not the size of a split
   * of it): 50,000 for CIFAR.
   */
  readonly datasetSize: number;
  /** Number of negatives for each image, K; 16,384. */
  readonly negatives?: number;
  /**
   * Sampler of the negatives; `uniformNegatives(datasetSize)` by default. The published numbers
   * used `otherClassNegatives(labels)`.
   */
  readonly sampler?: NegativeSampler;
  /** Width of the embeddings and of the memory banks; 128. */
  readonly embedding?: number;
  /** > 0; 0.07. */
  readonly temperature?: number;
  /** Share of the old entry when a memory bank is updated, 0 ≤ m < 1; 0.5. */
  readonly momentum?: number;
  /** Seed of the initial embeddings and memory banks; 0. */
  readonly seed?: number;
}

/**
 * Contrastive representation distillation (CRD): the student's embedding of an image has to be
 * distinguished from the teacher's embeddings of other images, and the other way round.
 *
 * h(s, m) = exp(s · m / temperature) / Z for vectors of length 1. The loss is the sum of
 * `contrastLossPerExample` of the student's embeddings against the teacher's memory bank and of the
 * teacher's against the student's, mean over the batch; usually `weighted(0.8, crd(…))`. Z = N ·
 * mean h is computed once, from the first batch.
 * Both embeddings are trained. Both memory banks have an entry for every image of the dataset (2 ·
 * datasetSize · embedding values, in every checkpoint).
 *
 * A call updates the memory banks: after the scores are computed, the entries of the batch move
 * towards its embeddings. Features are vectors, or maps averaged over their pixels; the last one
 * before the logits is usual. The term needs a live teacher and cannot train in a process group.
 * @throws RangeError for options out of range, and in a step without teacher, indices or seed.
 * Source: Tian, Krishnan, Isola, "Contrastive representation distillation" (ICLR 2020), section
 * 3.1; RepDistiller, `CRDLoss` and `ContrastMemory`.
 * See also: `infoNce`, whose negatives come from the batch and need no memory bank.
 */
export function crd(options: CrdOptions): LossTerm {
  const {
    student,
    teacher,
    datasetSize,
    negatives = 16_384,
    embedding = 128,
    temperature = 0.07,
    momentum = 0.5,
    seed = 0,
  } = options;
  ensure(
    Number.isInteger(datasetSize) && datasetSize >= 1,
    'crd',
    'a whole number of images ≥ 1',
    datasetSize,
  );
  ensure(
    Number.isInteger(negatives) && negatives >= 1,
    'crd',
    'a whole number of negatives ≥ 1',
    negatives,
    '16384 is usual',
  );
  ensure(
    temperature > 0 && temperature < Infinity,
    'crd',
    'temperature > 0',
    temperature,
    '0.07 is usual',
  );
  ensure(momentum >= 0 && momentum < 1, 'crd', 'momentum in [0, 1)', momentum, '0.5 is usual');
  const sampler = options.sampler ?? uniformNegatives(datasetSize);
  const embeddings = createEmbeddings('crd', { student, teacher }, embedding, seed);
  const memories = {
    student: createMemoryBank(datasetSize, embedding, deriveSeed(seed, 'student memory', 0)),
    teacher: createMemoryBank(datasetSize, embedding, deriveSeed(seed, 'teacher memory', 0)),
  };
  const normalizers = {
    student: createNormalizer(datasetSize, negatives),
    teacher: createNormalizer(datasetSize, negatives),
  };

  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const { indices, drawn } = drawNegatives(step, { sampler, datasetSize, negatives, seed });
      const studentRows = l2Normalize(embeddings.student(rowsAt('crd', step.student, student)));
      const teacherRows = l2Normalize(
        embeddings.teacher(stopGradient(rowsAt('crd', requireTeacher('crd', step), teacher))),
      );
      const side = (
        queries: tf.Tensor2D,
        memory: MemoryBank,
        normalizer: Normalizer,
      ): tf.Scalar => {
        const own = tf.div<tf.Tensor1D>(
          tf.sum(tf.mul(queries, memory.read(indices)), 1),
          temperature,
        );
        // One product with the whole memory bank: entries gathered for each query would be [batch,
        // negatives, width], a gigabyte at the defaults and a batch of 128.
        const others = tf.div<tf.Tensor2D>(
          tf.matMul(queries, memory.entries, false, true),
          temperature,
        );
        const logZ = normalizer.logZ(own, others, drawn);
        return tf.mean(
          noiseContrast(tf.sub(own, logZ), tf.sub(others, logZ), { datasetSize, negatives, drawn }),
        );
      };
      const loss = tf.add<tf.Scalar>(
        side(studentRows, memories.teacher, normalizers.student),
        side(teacherRows, memories.student, normalizers.teacher),
      );
      memories.student.update(indices, studentRows, momentum);
      memories.teacher.update(indices, teacherRows, momentum);
      return loss;
    });
  const weights = {
    ...embeddings.weights,
    'student.memory': memories.student.entries,
    'teacher.memory': memories.teacher.entries,
    'student.logZ': normalizers.student.state,
    'teacher.logZ': normalizers.teacher.state,
  };
  return Object.assign(term, {
    weights,
    needsTeacher: true,
    needsIndices: true,
    needsLabels: sampler.needsLabels === true,
  });
}

/**
 * @returns The image indices of the batch, int32 [batch], and how often each image was drawn as a
 * negative, [batch, datasetSize].
 */
function drawNegatives(
  { indices, labels, seed }: LossInputs,
  options: {
    readonly sampler: NegativeSampler;
    readonly datasetSize: number;
    readonly negatives: number;
    readonly seed: number;
  },
): { indices: tf.Tensor1D; drawn: tf.Tensor2D } {
  if (indices === undefined || seed === undefined) {
    throw expectedError(
      'crd',
      'step.indices and step.seed',
      indices === undefined ? 'no indices' : 'no seed',
      'the trainer passes both; combine and weighted declare the need',
    );
  }
  const sampled = options.sampler({
    labels,
    count: options.negatives,
    seed: foldIn(seed, `crd ${options.seed}`),
  });
  assertShape('crd', 'negatives [batch, negatives]', sampled, [labels.size, options.negatives]);
  return {
    indices,
    drawn: tf.denseBincount(sampled, tf.zeros<tf.Rank.R2>([0, 0]), options.datasetSize),
  };
}

/** The normalization constant Z of one side. */
interface Normalizer {
  /** [log Z, 1 once it is known]. */
  readonly state: tf.Variable<tf.Rank.R1>;
  /**
   * log Z, from log h without Z of the positives [batch] and of all images [batch, datasetSize]
   * with their number of draws. The first call sets Z.
   */
  logZ(own: tf.Tensor1D, others: tf.Tensor2D, drawn: tf.Tensor2D): tf.Scalar;
}

function createNormalizer(datasetSize: number, negatives: number): Normalizer {
  const held = tf.tidy(() =>
    tf.variable(tf.zeros<tf.Rank.R1>([2]), false),
  ) as tf.Variable<tf.Rank.R1>;
  const logZ = (own: tf.Tensor1D, others: tf.Tensor2D, drawn: tf.Tensor2D): tf.Scalar => {
    const logZNow = noGrad(() => {
      // log 0 of images that were not drawn is −∞ and adds nothing.
      const all = tf.stack([tf.logSumExp(own), tf.logSumExp(tf.add(others, tf.log(drawn)))]);
      const first = tf.add(tf.logSumExp(all), Math.log(datasetSize / (own.size * (1 + negatives))));
      const isKnown = tf.slice1d(held, 1, 1);
      return tf.add<tf.Tensor1D>(
        tf.mul(isKnown, tf.slice1d(held, 0, 1)),
        tf.mul(tf.sub(1, isKnown), first),
      );
    });
    held.assign(tf.concat1d([logZNow, tf.ones<tf.Rank.R1>([1])]));
    return tf.reshape<tf.Rank.R0>(logZNow, []);
  };
  return { state: held, logZ };
}
