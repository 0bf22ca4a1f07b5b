import { deriveSeed, ensure, type LossTerm, normalizeBatch, type Stateful } from '@kd/core';
import { philox4x32 } from '@kd/core/internal';
import * as tf from '@tensorflow/tfjs-core';
import {
  channelsAt,
  type FeaturePair,
  type FeatureRef,
  featureAt,
  featuresTerm,
} from './features.ts';
import { matchSpatialSize } from './geometry.ts';
import { stopGradient } from './math.ts';

/** One layer of a projector: a convolution, by default without bias, and what follows it. */
export interface ProjectorLayer {
  /** Channels in. */
  readonly from: number;
  /** Channels out. */
  readonly to: number;
  /** Side of the square kernel, odd; 1. Zero padding keeps the size of the maps. */
  readonly size?: number;
  /** false. */
  readonly bias?: boolean;
  /** Batch normalization with the statistics of the batch, ε 1e-5; false. */
  readonly batchNorm?: boolean;
  /** false. */
  readonly relu?: boolean;
}

/**
 * A small network that belongs to a term, between a student's feature and a teacher's. It is
 * trained with the student and is not part of it.
 */
export interface Projector extends Stateful {
  /**
   * @param features Maps [batch, height, width, from] or, if all kernels are 1×1, vectors [batch,
   * from].
   * @returns The same with `to` channels.
   */
  apply<Features extends tf.Tensor>(features: Features): Features;
}

export interface ProjectorOptions {
  /**
   * Prefix of the names of its weights; `connector`. The initial values are drawn from the names.
   */
  readonly name?: string;
  /** Seed of the initial weights; 0. */
  readonly seed?: number;
}

/**
 * Creates a sequence of convolutions, `name.0`, `name.1` …: for regressors, translators and
 * embeddings of the methods here and of your own.
 *
 * Weights of a layer: `kernel` [from, to] of a 1×1 convolution, [size, size, from, to] of a larger
 * one; `bias` [to]; `scale` and `offset` [to] of the batch norm. Kernels and biases are initialized
 * uniformly in ±1/√(size² · from), as PyTorch's are. Batch norm has no running averages: a
 * projector is used in training steps only. (@kd/models has layers and initializers too; this
 * package does not import it, and a projector needs no more than this.)
 * @throws RangeError without layers, for channels that do not match and for even kernels.
 */
export function projector(
  layers: readonly ProjectorLayer[],
  { name = 'connector', seed = 0 }: ProjectorOptions = {},
): Projector {
  assertLayers(layers);
  const created = layers.map((layer, at) => createLayer(layer, `${name}.${at}`, seed));
  return {
    weights: Object.assign({}, ...created.map(({ weights }) => weights)),
    apply<Features extends tf.Tensor>(features: Features): Features {
      return tf.tidy(() =>
        created.reduce<tf.Tensor>((x, { apply }) => apply(x), features),
      ) as Features;
    },
  };
}

/** Collects the weights of several projectors, for the `weights` of a term. */
export function collectWeights(projectors: readonly Stateful[]): Stateful['weights'] {
  return Object.assign({}, ...projectors.map(({ weights }) => weights));
}

function createLayer(layer: ProjectorLayer, name: string, seed: number): Projector {
  const { from, to, size = 1, bias: hasBias = false, batchNorm = false, relu = false } = layer;
  const bound = 1 / Math.sqrt(size * size * from);
  const kernel = initializedVariable(
    `${name}.kernel`,
    size === 1 ? [from, to] : [size, size, from, to],
    bound,
    seed,
  );
  const bias = hasBias ? initializedVariable(`${name}.bias`, [to], bound, seed) : undefined;
  const scale = batchNorm ? toVariable(tf.ones([to])) : undefined;
  const offset = batchNorm ? toVariable(tf.zeros([to])) : undefined;
  const parts = { kernel, bias, scale, offset };
  const named = Object.entries(parts).flatMap(([part, weight]) =>
    weight === undefined ? [] : [[`${name}.${part}`, weight] as const],
  );
  return {
    weights: Object.fromEntries(named),
    apply<Features extends tf.Tensor>(x: Features): Features {
      ensure(x.shape.at(-1) === from, name, `features of ${from} channels`, x.shape);
      const convolved =
        size === 1
          ? multiplyChannels(x, kernel as tf.Tensor2D)
          : tf.conv2d(x as unknown as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same');
      const shifted = bias === undefined ? convolved : tf.add(convolved, bias);
      const normalized =
        scale === undefined || offset === undefined
          ? shifted
          : normalizeBatch(
              shifted as tf.Tensor4D,
              scale as tf.Tensor1D,
              offset as tf.Tensor1D,
              1e-5,
            ).output;
      return (relu ? tf.relu(normalized) : normalized) as Features;
    },
  };
}

/** A 1×1 convolution is one matrix product over all positions. */
function multiplyChannels(x: tf.Tensor, kernel: tf.Tensor2D): tf.Tensor {
  const [from, to] = kernel.shape;
  return tf.reshape(tf.matMul(tf.reshape(x, [x.size / from, from]), kernel), [
    ...x.shape.slice(0, -1),
    to,
  ]);
}

function initializedVariable(
  name: string,
  shape: number[],
  bound: number,
  seed: number,
): tf.Variable {
  const ownSeed = deriveSeed(seed, name, 0);
  const four = new Uint32Array(4);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, at) => {
    // Four values at a time, which equal those of `uniform(ownSeed, 0, at)` one by one.
    if (at % 4 === 0) philox4x32(ownSeed, 0, at / 4, four);
    return (2 * ((four[at % 4] as number) / 2 ** 32) - 1) * bound;
  });
  return toVariable(tf.tensor(values, shape, 'float32'));
}

/** Creates a variable and disposes of the tensor. */
function toVariable(values: tf.Tensor): tf.Variable {
  const variable = tf.variable(values);
  values.dispose();
  return variable;
}

function assertLayers(layers: readonly ProjectorLayer[]): void {
  ensure(layers.length > 0, 'projector', 'at least one layer', 'none');
  for (const [at, { from, to, size = 1 }] of layers.entries()) {
    const sizes = [from, to, size];
    ensure(
      sizes.every((side) => Number.isInteger(side) && side >= 1) && size % 2 === 1,
      'projector',
      'from and to ≥ 1 and an odd size',
      sizes,
    );
    const before = layers[at - 1]?.to ?? from;
    ensure(
      before === from,
      'projector',
      `layer ${at} to take the ${before} channels of the one before`,
      from,
    );
  }
}

/**
 * The map from the student's channels to the teacher's: a 1×1 convolution (for vectors a linear
 * map) with the named additions, `{}` for none; `'none'` if both have the same number of channels.
 */
export type Regressor = Pick<ProjectorLayer, 'bias' | 'batchNorm' | 'relu'> | 'none';

/**
 * Creates a regressor for each pair, `pair0`, `pair1` ….
 * @throws RangeError if a regressor is needed and a feature comes without its channels.
 */
export function createRegressors(
  caller: string,
  pairs: readonly FeaturePair[],
  regressor: Regressor,
  seed: number,
): readonly Projector[] {
  return pairs.map(({ student, teacher }, at) => {
    if (regressor === 'none') return { weights: {}, apply: (features) => features };
    const remedy = ", or regressor: 'none' where both have as many channels";
    const [from, to] = [channelsAt(caller, student, remedy), channelsAt(caller, teacher, remedy)];
    return projector([{ ...regressor, from, to }], { name: `pair${at}`, seed });
  });
}

/**
 * Creates a term that compares features pair by pair: both at the smaller of their sizes, the
 * student's after its projector.
 * @param loss The loss of a pair, from features of one shape.
 * @param at Index of the pair.
 */
export function projectedTerm(
  caller: string,
  pairs: FeaturePair | readonly FeaturePair[],
  projectors: readonly Projector[],
  loss: (student: tf.Tensor, teacher: tf.Tensor, at: number) => tf.Scalar,
): LossTerm {
  const term = featuresTerm(caller, pairs, featureAt, (student, teacher) => {
    const losses = projectors.map(({ apply }, at) => {
      const [small, target] = matchSpatialSize(
        caller,
        student[at] as tf.Tensor,
        stopGradient(teacher[at] as tf.Tensor),
      );
      return loss(apply(small), target, at);
    });
    return tf.addN(losses) as tf.Scalar;
  });
  return Object.assign(term, { weights: collectWeights(projectors) });
}

/** Weights that double from each stage to the next: 2^(at − count + 1), the last one 1. */
export function doublingWeight(at: number, count: number): number {
  return 2 ** (at - count + 1);
}

/**
 * Linear maps of a student's and a teacher's features, [batch, channels], to the same width,
 * [batch, width]. Both are trained along with the student.
 */
export interface Embeddings {
  readonly student: Projector['apply'];
  readonly teacher: Projector['apply'];
  readonly weights: Projector['weights'];
}

/** @param pair Features with their channels: `featureRef(network, name)`. */
export function createEmbeddings(
  caller: string,
  pair: FeaturePair,
  width: number,
  seed: number,
): Embeddings {
  ensure(
    Number.isInteger(width) && width >= 1,
    caller,
    'a whole number of embedded channels ≥ 1',
    width,
    '128 is usual',
  );
  const linear = (name: string, ref: string | FeatureRef) =>
    projector([{ from: channelsAt(caller, ref), to: width, bias: true }], { name, seed });
  const [student, teacher] = [linear('student', pair.student), linear('teacher', pair.teacher)];
  return {
    student: student.apply,
    teacher: teacher.apply,
    weights: collectWeights([student, teacher]),
  };
}
