import {
  type Batch,
  cosine,
  type DataLoader,
  type Network,
  type Objective,
  type OptimizerFactory,
  permutation,
  sha256,
  uniform,
} from '@kd/core';
import { type EpochReport, evaluate, type TrainOptions, train } from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';

export const CLASSES = 3;
export const ROWS = 36;
/** A full batch and a smaller one. */
const VALIDATION_ROWS = 12;
const BATCH = 8;
const EPOCHS = 10;

/** Created anew for each run, so that runs share nothing. */
export interface Parts {
  readonly student: Network;
  readonly objective: Objective;
  readonly optimizer: OptimizerFactory;
  readonly learningRate?: number;
  readonly more?: Partial<TrainOptions>;
}

export interface Trace {
  readonly reports: readonly EpochReport[];
  readonly weights: Readonly<Record<string, Float32Array>>;
  /**
   * The loss of the last validation again, by the network's own forward: batch norm is not folded.
   */
  readonly unfolded: number;
}

/**
 * Fifty steps: ten epochs of four batches of 8 and one of 4, with a validation after each. @param
 * size Side of the images.
 */
export async function fiftySteps(make: () => Parts, size: number): Promise<Trace> {
  const { student, objective, optimizer, learningRate = 0.02, more } = make();
  const batches = brightPatches(size, ROWS);
  const validation = brightPatches(size, VALIDATION_ROWS);
  const options = {
    student,
    objective,
    optimizer,
    data: batches,
    validation,
    learningRate: cosine({ from: learningRate }),
    epochs: EPOCHS,
  };
  const reports: EpochReport[] = [];
  for await (const report of train({
    ...options,
    ...more,
    ...(objective.needsTeacher && { teacher }),
  }))
    reports.push(report);
  const all = [...Object.entries(student.weights), ...Object.entries(objective.weights)];
  const weights = Object.fromEntries(
    all.map(([name, weight]) => [name, Float32Array.from(weight.dataSync())]),
  );
  const { inference: _, ...plain } = student;
  const { loss: unfolded } = await evaluate(plain, validation);
  student.dispose();
  tf.dispose(Object.values(objective.weights));
  return { reports, weights, unfolded };
}

/** The losses, accuracies and norms of some epochs, in one row. */
export function numbersOf(reports: readonly EpochReport[]): number[] {
  return reports.flatMap(({ terms, gradientNorm = 0, validation }) => [
    ...Object.values(terms),
    gradientNorm,
    validation?.loss ?? 0,
  ]);
}

/** A teacher whose logits depend on the image's index: up to 2, also as the feature `logits`. */
const teacher = ({ indices }: Batch) => {
  const logits = Float32Array.from({ length: indices.length * CLASSES }, (_, at) => {
    const row = indices[Math.floor(at / CLASSES)] as number;
    return 4 * uniform(2, row, at % CLASSES) - 2 + (row % CLASSES === at % CLASSES ? 2 : 0);
  });
  const copy = () => tf.tensor2d(logits, [indices.length, CLASSES]);
  return { logits: copy(), features: { logits: copy() } };
};

/** Noise, brighter in the channel of the class. */
function brightPatches(size: number, rows: number): DataLoader {
  const view = { spec: 'plain', seed: 0 };
  const pixels = size * size * 3;
  async function* deal(order: Int32Array): AsyncGenerator<Batch> {
    for (let start = 0; start < rows; start += BATCH) {
      const indices = order.slice(start, start + BATCH);
      const values = Float32Array.from({ length: indices.length * pixels }, (_, at) => {
        const row = indices[Math.floor(at / pixels)] as number;
        return 0.6 * uniform(1, row, at % pixels) + (at % 3 === row % CLASSES ? 0.3 : 0);
      });
      const images = tf.tensor4d(values, [indices.length, size, size, 3]);
      const labels = tf.tensor1d(
        indices.map((row) => row % CLASSES),
        'int32',
      );
      try {
        yield { images, labels, indices, view };
      } finally {
        tf.dispose([images, labels]);
      }
    }
  }
  return {
    dataset: {
      name: 'bright patches',
      classNames: ['red', 'green', 'blue'],
      imageShape: [size, size, 3],
      fingerprint: () => sha256(new TextEncoder().encode(`bright patches ${size} ${rows}`)),
    },
    size: rows,
    batchSize: BATCH,
    batchesPerEpoch: Math.ceil(rows / BATCH),
    viewCount: 1,
    view: () => view,
    order: (epoch) => permutation(epoch, 0, rows),
    epoch: (epoch) => deal(permutation(epoch, 0, rows)),
    iterateOnce: () => deal(Int32Array.from({ length: rows }, (_, row) => row)),
  };
}
