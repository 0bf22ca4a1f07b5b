/**
 * `npm run bench`: how many pictures a second the parts of a training deal with, on the engine that `KD_ENGINE` names or the quickest that starts.
 * Drawn pictures of CIFAR-10's size, batches of 64, the default student; the median of the epochs after the first. Nothing is claimed, nothing fails.
 */
import { type BatchSource, uniform } from '@kd/core';
import { batches, crop, flip, imageSet } from '@kd/data';
import { startEngine } from '@kd/engine';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { resnet9, studentCnn } from '@kd/models';
import { evaluate, frozen, sgd, train } from '@kd/trainer';

const PICTURES = 1_280;
const PASSES = 4;
const CLASSES = 10;

const { name, version, threads } = await startEngine();
const rates = {
  'batches with crop and flip': await dealing(drawn(5 * PICTURES)),
  'student, training': await training(false),
  'student, distilling from a live teacher': await training(true),
  'student, evaluating': await evaluating(),
};
for (const [what, rate] of Object.entries(rates)) console.log(`${what.padEnd(40)} ${Math.round(rate).toString().padStart(8)} images/s`);
console.log(`${name} ${version}, ${threads} threads, Node ${process.versions.node}`);

/** Drawn pictures in augmented batches. */
function drawn(pictures: number): BatchSource {
  const set = imageSet({
    pixels: Uint8Array.from({ length: pictures * 32 * 32 * 3 }, (_, at) => 256 * uniform(0, 0, at)),
    labels: Uint8Array.from({ length: pictures }, (_, row) => row % CLASSES),
    imageShape: [32, 32, 3],
    classNames: Array.from({ length: CLASSES }, (_, label) => `class ${label}`),
  });
  return batches(set, { batchSize: 64, views: [crop({ pad: 4, fill: 'reflect' }), flip()] });
}

async function dealing(source: BatchSource): Promise<number> {
  const seconds: number[] = [];
  for (let epoch = 0; epoch < PASSES; epoch++) {
    const started = performance.now();
    for await (const _ of source.epoch(epoch));
    seconds.push((performance.now() - started) / 1000);
  }
  return source.rows / median(seconds);
}

async function training(taught: boolean): Promise<number> {
  const student = studentCnn({ classes: CLASSES, seed: 0 });
  const teacher = resnet9({ classes: CLASSES, seed: 0, width: 0.25 });
  const objective = taught ? combine({ hard: crossEntropy(), soft: weighted(0.9, softTargets()) }) : combine({ hard: crossEntropy() });
  const rates: number[] = [];
  const options = { student, objective, batches: drawn(PICTURES), optimizer: sgd({ momentum: 0.9 }), learningRate: 0.01, epochs: PASSES };
  for await (const { imagesPerSecond } of train({ ...options, ...(taught && { teacher: frozen(teacher) }) })) rates.push(imagesPerSecond);
  student.dispose();
  teacher.dispose();
  return median(rates);
}

async function evaluating(): Promise<number> {
  const student = studentCnn({ classes: CLASSES, seed: 0 });
  const rates: number[] = [];
  for (let pass = 0; pass < PASSES; pass++) rates.push((await evaluate(student, drawn(PICTURES))).imagesPerSecond);
  student.dispose();
  return median(rates);
}

/** Of all but the first, which warms up. */
function median(values: readonly number[]): number {
  const later = values.slice(1).sort((left, right) => left - right);
  return later[Math.floor(later.length / 2)] as number;
}
