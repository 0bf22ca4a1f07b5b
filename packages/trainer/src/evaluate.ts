import {
  compile,
  type DataLoader,
  ensure,
  expectedError,
  type Network,
  type ProcessGroup,
  shardRange,
  type Teacher,
} from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { breathe } from './breathe.ts';
import { type EvaluationResult, Tally } from './evaluation.ts';
import { gatherColumns } from './group/gather.ts';
import { FIELDS, judgeOf } from './judge.ts';

export interface EvaluateOptions {
  /**
   * Told of each batch in order. @param logits [batch, classes], row-major, before softmax. @param
   * indices Row numbers of the batch in the whole image set.
   */
  readonly onLogits?: (logits: Float32Array, indices: Int32Array) => void;
  /**
   * Who looks at the other shards of the source: all get the evaluation of the whole, and
   * `onLogits` their own shard's logits.
   */
  readonly group?: ProcessGroup | undefined;
}

/**
 * How good a network or a teacher is on all pictures of a source (its view 0). A network runs with
 * running averages and without gradients; nothing of it changes.
 * @throws RangeError on an empty source, on labels beyond the classes and on logits that are not
 * finite.
 */
export function evaluate(
  asked: Network | Teacher,
  source: DataLoader,
  { onLogits, group }: EvaluateOptions = {},
): Promise<EvaluationResult> {
  return evaluator(asked, group)(source, onLogits);
}

/**
 * `evaluate` for many times: what the engine compiles is kept, and batch norm is folded once a
 * pass.
 */
export function evaluator(
  asked: Network | Teacher,
  group?: ProcessGroup,
): (source: DataLoader, onLogits?: EvaluateOptions['onLogits']) => Promise<EvaluationResult> {
  const judge = judgeOf(asked);
  const gather = group === undefined ? undefined : gatherer(group);
  return async (source, onLogits) => {
    const tally = new Tally(source.dataset.classNames.length);
    const started = performance.now();
    let images = 0;
    expectShard(source, group);
    judge.refresh();
    for await (const batch of source.iterateOnce()) {
      const inBatch =
        group === undefined
          ? batch.indices.length
          : Math.min(source.batchSize, source.size - images);
      const judged = batch.indices.length > 0 ? await judge.look(batch) : nobody();
      try {
        const numbers =
          gather === undefined
            ? await judged.judgements.data()
            : await gather(judged.judgements, inBatch);
        addAll(tally, numbers, source, (at) => batch.indices[at - shardRange(inBatch, group).from]);
        if (batch.indices.length > 0)
          onLogits?.((await judged.logits.data()) as Float32Array, batch.indices);
      } finally {
        tf.dispose([judged.logits, judged.judgements]);
      }
      images += inBatch;
      await breathe();
    }
    ensure(images > 0, 'evaluate', `pictures in ${source.dataset.name}`, 'none');
    return tally.evaluation((performance.now() - started) / 1000);
  };
}

/** What a shard without pictures has to say. */
function nobody(): { readonly logits: tf.Tensor2D; readonly judgements: tf.Tensor2D } {
  return { logits: tf.zeros([0, 0]), judgements: tf.zeros([FIELDS, 0]) };
}

function expectShard({ shard, dataset: data }: DataLoader, group: ProcessGroup | undefined): void {
  const fits = shard?.rank === group?.rank && shard?.size === group?.size;
  ensure(
    fits,
    'evaluate',
    `${data.name} whole without a group, and in a group this process's shard of it`,
    shard ?? 'the whole',
    'pass group: engine.group',
  );
}

/**
 * Brings the judgements of all shards of a batch together. @returns Takes those of this shard and
 * the number of pictures in the batch.
 */
function gatherer(
  group: ProcessGroup,
): (mine: tf.Tensor2D, count: number) => Promise<ArrayLike<number>> {
  // How many there are in all enters as a shape, which tells the compiled forms apart.
  const gather = compile((mine: tf.Tensor2D, all: tf.Tensor1D) =>
    gatherColumns(group, mine, all.size),
  );
  return async (mine, count) => {
    const all = tf.zeros<tf.Rank.R1>([count]);
    const gathered = await gather.later(mine, all);
    const numbers = await gathered.data();
    tf.dispose([all, gathered]);
    return numbers;
  };
}

/** @param rowOf The row number of a picture of the batch, where it is in this shard. */
function addAll(
  tally: Tally,
  numbers: ArrayLike<number>,
  source: DataLoader,
  rowOf: (at: number) => number | undefined,
): void {
  const count = numbers.length / FIELDS;
  const classes = tally.confusion.length;
  for (let at = 0; at < count; at++) {
    const field = (index: number): number => numbers[index * count + at] as number;
    const [truth, outputs, loss] = [field(0), field(5), field(3)];
    if (outputs !== classes)
      throw expectedError(
        'evaluate',
        `a logit for each of the ${classes} classes of ${source.dataset.name}`,
        outputs,
      );
    if (truth < 0 || truth >= classes)
      throw expectedError(
        'evaluate',
        `labels from 0 to ${classes - 1}`,
        `${truth} in row ${rowOf(at) ?? 'of another process'} of ${source.dataset.name}`,
      );
    if (!Number.isFinite(loss))
      throw expectedError(
        'evaluate',
        'finite logits',
        `a loss of ${loss} in row ${rowOf(at) ?? 'of another process'} of ${source.dataset.name}`,
        'the network has diverged',
      );
    tally.add({ truth, predicted: field(1), confidence: field(2), loss, rank: field(4) });
  }
}
