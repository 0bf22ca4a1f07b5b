import { deriveSeed, ensure, normalizeBatch, philox4x32, type Stateful } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * One layer of a connector: a convolution without bias, as most methods have it, and what follows
 * it.
 */
export interface ProjectorLayer {
  /** Channels in. */
  readonly from: number;
  /** Channels out. */
  readonly to: number;
  /** Side of the square kernel, odd; 1. Zeros around keep the size of the maps. */
  readonly size?: number;
  /** false. */
  readonly bias?: boolean;
  /** Batch normalization with the statistics of the batch, ε 1e-5; false. */
  readonly batchNorm?: boolean;
  /** false. */
  readonly relu?: boolean;
}

/**
 * A small network of a term's own, between a student's feature and what a teacher has there. It
 * trains with the student and is no part of it.
 */
export interface Projector extends Stateful {
  /**
   * @param features Maps [batch, height, width, from] or, where all kernels are 1×1, rows [batch,
   * from]. @returns The same with `to` channels.
   */
  apply<Features extends tf.Tensor>(features: Features): Features;
}

export interface ProjectorOptions {
  /** In front of the names of its weights; `projector`. */
  readonly name?: string;
  /** The first weights are drawn from it and their names; 0. */
  readonly seed?: number;
}

/**
 * Convolutions in a row, `name.0`, `name.1` …: for regressors, translators and embeddings of a
 * method, and of methods of your own.
 *
 * Weights of a layer: `kernel` [from, to] of a 1×1 convolution, [size, size, from, to] of a larger
 * one; `bias` [to]; `scale` and `offset` [to] of the batch
 * norm. Kernels and biases begin uniform in ±1/√(size² · from), as PyTorch's do. Batch norm has no
 * running averages: a connector sees only training steps.
 * @throws RangeError on no layers, channels that do not follow on each other and even kernels.
 */
export function projector(
  layers: readonly ProjectorLayer[],
  { name = 'connector', seed = 0 }: ProjectorOptions = {},
): Projector {
  expectLayers(layers);
  const made = layers.map((layer, at) => makeLayer(layer, `${name}.${at}`, seed));
  return {
    weights: Object.assign({}, ...made.map(({ weights }) => weights)),
    apply<Features extends tf.Tensor>(features: Features): Features {
      return tf.tidy(() =>
        made.reduce<tf.Tensor>((x, { apply }) => apply(x), features),
      ) as Features;
    },
  };
}

/** All weights of some connectors, for the `weights` of a term. */
export function weightsOf(connectors: readonly Stateful[]): Stateful['weights'] {
  return Object.assign({}, ...connectors.map(({ weights }) => weights));
}

function makeLayer(layer: ProjectorLayer, name: string, seed: number): Projector {
  const { from, to, size = 1, bias: withBias = false, batchNorm = false, relu = false } = layer;
  const bound = 1 / Math.sqrt(size * size * from);
  const kernel = drawn(
    `${name}.kernel`,
    size === 1 ? [from, to] : [size, size, from, to],
    bound,
    seed,
  );
  const bias = withBias ? drawn(`${name}.bias`, [to], bound, seed) : undefined;
  const scale = batchNorm ? owned(tf.ones([to])) : undefined;
  const offset = batchNorm ? owned(tf.zeros([to])) : undefined;
  const all = { kernel, bias, scale, offset };
  const named = Object.entries(all).flatMap(([part, weight]) =>
    weight === undefined ? [] : [[`${name}.${part}`, weight] as const],
  );
  return {
    weights: Object.fromEntries(named),
    apply<Features extends tf.Tensor>(x: Features): Features {
      ensure(x.shape.at(-1) === from, name, `features of ${from} channels`, x.shape);
      const convolved =
        size === 1
          ? byProduct(x, kernel as tf.Tensor2D)
          : tf.conv2d(x as unknown as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same');
      const shifted = bias === undefined ? convolved : tf.add(convolved, bias);
      const normal =
        scale === undefined || offset === undefined
          ? shifted
          : normalizeBatch(
              shifted as tf.Tensor4D,
              scale as tf.Tensor1D,
              offset as tf.Tensor1D,
              1e-5,
            ).output;
      return (relu ? tf.relu(normal) : normal) as Features;
    },
  };
}

/** A 1×1 convolution is one matrix product over all places. */
function byProduct(x: tf.Tensor, kernel: tf.Tensor2D): tf.Tensor {
  const [from, to] = kernel.shape;
  return tf.reshape(tf.matMul(tf.reshape(x, [x.size / from, from]), kernel), [
    ...x.shape.slice(0, -1),
    to,
  ]);
}

function drawn(name: string, shape: number[], bound: number, seed: number): tf.Variable {
  const own = deriveSeed(seed, name, 0);
  const four = new Uint32Array(4);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, at) => {
    // Four at a time, which are what `uniform(own, 0, at)` gives one by one.
    if (at % 4 === 0) philox4x32(own, 0, at / 4, four);
    return (2 * ((four[at % 4] as number) / 2 ** 32) - 1) * bound;
  });
  return owned(tf.tensor(values, shape, 'float32'));
}

/** A variable that takes the tensor over. */
function owned(values: tf.Tensor): tf.Variable {
  const made = tf.variable(values);
  values.dispose();
  return made;
}

function expectLayers(layers: readonly ProjectorLayer[]): void {
  ensure(layers.length > 0, 'projector', 'one layer or more', 'none');
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
