import { ensure, type Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { detached } from '../detached.ts';

/** The linear layer that makes a network's logits of its last features. */
export interface Classifier {
  /** [channels, classes]. */
  readonly kernel: tf.Tensor;
  /** [classes]. */
  readonly bias?: tf.Tensor;
}

/**
 * A network's classifier, by the name of its layer: `classifierOf(teacher)` of our networks. The tensors stay the network's own.
 * @throws RangeError where the network has no such weights.
 */
export function classifierOf({ name: of = 'the network', weights }: Pick<Network, 'name' | 'weights'>, layer = 'fc'): Classifier {
  const [kernel, bias] = [weights[`${layer}.kernel`], weights[`${layer}.bias`]];
  const names = Object.keys(weights).slice(-2).join(', ');
  ensure(kernel?.rank === 2, 'classifierOf', `${layer}.kernel [channels, classes] among the weights of ${of}`, `weights that end in ${names}`);
  return bias === undefined ? { kernel } : { kernel, bias };
}

/** Logits of rows. The classifier is a teacher's: it does not train. */
export function classified(where: string, rows: tf.Tensor2D, { kernel, bias }: Classifier): tf.Tensor2D {
  ensure(kernel.rank === 2 && kernel.shape[0] === rows.shape[1], where, `a classifier [${rows.shape[1]}, classes]`, kernel.shape);
  const logits: tf.Tensor2D = tf.matMul(rows, detached(kernel as tf.Tensor2D));
  return bias === undefined ? logits : tf.add<tf.Tensor2D>(logits, detached(bias));
}
