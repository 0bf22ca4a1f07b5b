import type { Graph, Network } from '@kd/core';
import { dataLoader, type ImageDataset, stratifiedSubset } from '@kd/data';
import { runGraphLogits } from '@kd/export';
import type { CheckImages } from '@kd/export/node';
import { evaluate } from '@kd/trainer';
import { tensor4d, tidy } from '@tensorflow/tfjs-core';
import { evaluationBatchSize, type SessionServices } from '../run/context.ts';

/** Images of the test that files are checked on at most, unless a flag says otherwise. */
const mostImages = 10_000;

/** The images of the checks, with what the network answers for them. */
export interface TestAnswers extends CheckImages {
  readonly set: ImageDataset;
  readonly classes: number;
  /** [height, width, channels] of what `read` returns. */
  readonly imageShape: readonly [number, number, number];
}

/** The same test with probabilities as answers. */
export function withProbabilities(test: TestAnswers): TestAnswers {
  return { ...test, answers: softmaxRows(test.answers, test.classes) };
}

/** The same images prepared. @param imageShape What preparing makes of their shape. */
export function prepareTest(
  test: TestAnswers,
  prepare: Prepare,
  imageShape: readonly [number, number, number],
): TestAnswers {
  const read = async (from: number, to: number) => prepare(await test.read(from, to), to - from);
  return { ...test, imageShape, read };
}

/**
 * Takes the test images, and evaluates the network on them.
 * @param wanted Number of images; as many as there are, up to 10,000, if left out.
 */
export async function answerTest(
  network: Network,
  test: ImageDataset,
  wanted: number | undefined,
  { createProgress }: Pick<SessionServices, 'createProgress'>,
): Promise<TestAnswers> {
  const available = test.indices.length;
  const count = Math.min(wanted ?? mostImages, available);
  const set = count === available ? test : stratifiedSubset(test, count, { seed: 0 });
  const classes = set.classNames.length;
  const answers = new Float32Array(count * classes);
  const progress = createProgress('the network itself', count, 'images');
  let filled = 0;
  await evaluate(network, dataLoader(set, { batchSize: evaluationBatchSize }), {
    onLogits(logits) {
      answers.set(logits, filled);
      filled += logits.length;
      progress.update(filled / classes);
    },
  });
  progress.end();
  return {
    set,
    classes,
    labels: Array.from(set.indices, (row) => set.labels[row] as number),
    answers,
    imageShape: set.imageShape,
    read: (from, to) => readImages(set, from, to),
  };
}

/** Reads images as float32, 0–1. */
function readImages({ images, indices, imageShape }: ImageDataset, from: number, to: number) {
  const size = imageShape[0] * imageShape[1] * imageShape[2];
  const values = new Float32Array((to - from) * size);
  for (let at = from; at < to; at++) {
    const pixels = images.read(indices[at] as number);
    const start = (at - from) * size;
    for (let each = 0; each < size; each++) values[start + each] = (pixels[each] as number) / 255;
  }
  return values;
}

/** Makes images what a file takes whose preparation is outside. */
export type Prepare = (images: Float32Array, batch: number) => Promise<Float32Array>;

/**
 * Returns the preparation of a network, which its graph has inside and another graph outside: the
 * nodes before the value that takes the place of the other one's input.
 */
export function createPrepare(inside: Graph, outside: Graph): Prepare {
  const user = outside.nodes.find(({ inputs }) => inputs.includes(outside.input.name));
  const at = user?.inputs.indexOf(outside.input.name) ?? -1;
  const prepared = inside.nodes.find(({ name }) => name === user?.name)?.inputs[at];
  const end = inside.nodes.findIndex(({ name }) => name === prepared);
  if (prepared === undefined || end < 0) return async (images) => images;
  const graph = {
    ...inside,
    nodes: inside.nodes.slice(0, end + 1),
    logits: prepared,
    features: {},
  };
  return async (images, batch) => {
    const values = tidy(() => {
      const input = tensor4d(images, [batch, ...inside.input.shape]);
      return runGraphLogits(graph, input);
    });
    try {
      return (await values.data()) as Float32Array;
    } finally {
      values.dispose();
    }
  };
}

/** Computes the softmax of every row. @param logits [rows × classes]. */
export function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const rows = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const largest = Math.max(...row);
    const powers = Float64Array.from(row, (logit) => Math.exp(logit - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    rows.set(
      powers.map((power) => power / sum),
      start,
    );
  }
  return rows;
}
