import { deriveSeed, randomUniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { writeRows } from '../rowMemory.ts';
import { l2Normalize } from '../unit.ts';

/**
 * A row for every picture of the set, [pictures, width]: what was said of it last, mixed with what
 * was said before.
 */
export interface Memory {
  readonly rows: tf.Variable<tf.Rank.R2>;
  /** @param places int32 [batch]. @returns [batch, width]. */
  at(places: tf.Tensor1D): tf.Tensor2D;
  /** Rows become unit(momentum · row + (1 − momentum) · value). @param places int32 [batch]. */
  remember(places: tf.Tensor1D, values: tf.Tensor2D, momentum: number): void;
}

/** Rows are uniform in ±1/√(width/3) at first: of length about 1. */
export function makeMemory(pictures: number, width: number, seed: number): Memory {
  const bound = 1 / Math.sqrt(width / 3);
  const rows = tf.tidy(() => {
    const words = tf.tensor1d(
      [deriveSeed(seed, 'memory', 0) | 0, deriveSeed(seed, 'memory', 1) | 0],
      'int32',
    );
    return tf.variable(
      tf.mul<tf.Tensor2D>(tf.sub(randomUniform([pictures, width], words), 0.5), 2 * bound),
      false,
    );
  }) as tf.Variable<tf.Rank.R2>;
  const at = (places: tf.Tensor1D): tf.Tensor2D => tf.gather(rows, places);
  return {
    rows,
    at,
    remember(places, values, momentum) {
      tf.tidy(() => {
        const mixed = tf.add<tf.Tensor2D>(
          tf.mul(at(places), momentum),
          tf.mul(values, 1 - momentum),
        );
        writeRows(rows, places, l2Normalize(mixed));
      });
    },
  };
}
