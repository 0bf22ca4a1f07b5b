import { ensure, type Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../detached.ts';

/** The linear layer that makes a network's logits of its last features. */
export interface ClassifierHead {
  /** [channels, classes]. */
  readonly kernel: tf.Tensor;
  /** [classes]. */
  readonly bias?: tf.Tensor;
  /**
   * What the logits are multiplied by, where the network does so; 1. `resnet9` of @kd/models has
   * 0.2.
   */
  readonly scale?: number;
}

/**
 * A network's classifier, by the name of its layer: `classifierHead(teacher)` of our networks, and
 * `{ ...classifierOf(teacher), scale: 0.2 }` of a `resnet9`. The
 * tensors stay the network's own.
 * @throws RangeError where the network has no such weights.
 */
export function classifierHead(
  { name: of = 'the network', weights }: Pick<Network, 'name' | 'weights'>,
  layer = 'fc',
): ClassifierHead {
  const [kernel, bias] = [weights[`${layer}.kernel`], weights[`${layer}.bias`]];
  const names = Object.keys(weights).slice(-2).join(', ');
  ensure(
    kernel?.rank === 2,
    'classifierHead',
    `${layer}.kernel [channels, classes] among the weights of ${of}`,
    `weights that end in ${names}`,
  );
  return bias === undefined ? { kernel } : { kernel, bias };
}

/** Logits of rows. The classifier is a teacher's: it does not train. */
export function classified(
  caller: string,
  rows: tf.Tensor2D,
  { kernel, bias, scale = 1 }: ClassifierHead,
): tf.Tensor2D {
  ensure(
    kernel.rank === 2 && kernel.shape[0] === rows.shape[1],
    caller,
    `a classifier [${rows.shape[1]}, classes]`,
    kernel.shape,
  );
  const product: tf.Tensor2D = tf.matMul(rows, stopGradient(kernel as tf.Tensor2D));
  const logits = bias === undefined ? product : tf.add<tf.Tensor2D>(product, stopGradient(bias));
  return scale === 1 ? logits : tf.mul<tf.Tensor2D>(logits, scale);
}
