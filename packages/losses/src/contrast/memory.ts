import { deriveSeed, expectShape, randomUniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { unit } from '../unit.ts';

/** A row for every picture of the set, [pictures, width]: what was said of it last, mixed with what was said before. */
export interface Memory {
  readonly rows: tf.Variable<tf.Rank.R2>;
  /** @param queries [batch, width]. @param places int32 [batch, candidates]. @returns [batch, candidates], the products of each query with its rows. */
  scores(queries: tf.Tensor2D, places: tf.Tensor2D): tf.Tensor2D;
  /** Rows become unit(momentum · row + (1 − momentum) · value). @param places int32 [batch]. */
  remember(places: tf.Tensor1D, values: tf.Tensor2D, momentum: number): void;
}

/** Rows are uniform in ±1/√(width/3) at first: of length about 1. */
export function makeMemory(pictures: number, width: number, seed: number): Memory {
  const bound = 1 / Math.sqrt(width / 3);
  const rows = tf.tidy(() => {
    const words = tf.tensor1d([deriveSeed(seed, 'memory', 0) | 0, deriveSeed(seed, 'memory', 1) | 0], 'int32');
    return tf.variable(tf.mul<tf.Tensor2D>(tf.sub(randomUniform([pictures, width], words), 0.5), 2 * bound), false);
  }) as tf.Variable<tf.Rank.R2>;
  return {
    rows,
    scores: (queries, places) => tf.tidy(() => pick(tf.matMul(queries, rows, false, true), places)),
    remember(places, values, momentum) {
      tf.tidy(() => {
        const mixed = tf.add<tf.Tensor2D>(tf.mul(tf.gather(rows, places), momentum), tf.mul(values, 1 - momentum));
        // A copy: TF.js's cpu kernel writes into its argument, which the gradient of the scores still needs.
        rows.assign(tf.tensorScatterUpdate(tf.add(rows, 0), tf.expandDims(places, 1), unit(mixed)) as tf.Tensor2D);
      });
    },
  };
}

/**
 * all[b, places[b, k]]. Picked from the product with the whole memory: rows gathered for every query would be [batch, candidates, width], half a
 * gigabyte at CRD's defaults, twice, where the product is 13 MB and 0.4 G multiply-adds.
 */
function pick(all: tf.Tensor2D, places: tf.Tensor2D): tf.Tensor2D {
  const [batch, pictures] = all.shape;
  expectShape('crd', `rows and negatives for ${batch} pictures`, places, [batch, null]);
  const flat = tf.reshape<tf.Rank.R1>(tf.add(places, tf.mul(tf.expandDims(tf.range(0, batch, 1, 'int32'), 1), tf.scalar(pictures, 'int32'))), [-1]);
  // TF.js's gradient of gather walks over all segments, one kernel each.
  const run = tf.customGrad((...args) => {
    const [all, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([flat]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      const at = tf.expandDims(saved[0] as tf.Tensor, 1);
      return tf.reshape(tf.scatterND(at, tf.reshape(dy, [-1]), [batch * pictures]), [batch, pictures]);
    };
    return { value: tf.reshape(tf.gather(tf.reshape(all, [-1]), flat), places.shape), gradFunc };
  });
  return run(all) as tf.Tensor2D;
}
