/**
 * Your own data, network and loss. Half of the student's labels are random, none of its teacher's.
 * Claim: distilled, it is 20 points more accurate than alone. Seed 1. 2 cores: 5 s (`cpu`: 20 s).
 */
import { type LossTerm, type Network, normal, uniform } from '@kd/core';
import { dataLoader, imageDataset } from '@kd/data';
import { startEngine } from '@kd/engine';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { studentCnn } from '@kd/models';
import { adam, evaluate } from '@kd/trainer';
import { distill, fit } from '@kd/trainer/node';
import * as tf from '@tensorflow/tfjs-core';

/** Data: pixels and labels. Stripes in three directions, 8 × 8 RGB, under noise. */
function stripes(name: string, images: number, seed: number, randomLabels = 0) {
  const pixels = Uint8Array.from({ length: images * 192 }, (_, at) => {
    const [image, y, x] = [Math.floor(at / 192), Math.floor(at / 24) % 8, Math.floor(at / 3) % 8];
    const wave = Math.sin(1.5 * ([x, y, x + y][image % 3] as number) + 6 * uniform(seed, 0, image));
    return Math.max(0, Math.min(255, 128 + 50 * wave + 65 * normal(seed, 1, at)));
  });
  const labels = Array.from({ length: images }, (_, image) =>
    uniform(seed, 2, image) < randomLabels ? Math.floor(3 * uniform(seed, 3, image)) : image % 3,
  );
  return imageDataset({ name, pixels, labels, imageShape: [8, 8, 3], classNames: ['|', '-', '/'] });
}

/** A network: its variables by name, and a function of images [batch, 8, 8, 3] from 0 to 1. */
function perceptron(seed: number): Network {
  const random = (shape: [number, number]) => tf.randomNormal(shape, 0, 0.1, 'float32', seed);
  const weights = { hidden: tf.variable(random([192, 24])), output: tf.variable(random([24, 3])) };
  const forward = (images: tf.Tensor4D) =>
    tf.tidy(() => {
      const inputs = tf.reshape(tf.mul(tf.sub(images, 0.5), 4), [-1, 192]);
      const hidden = tf.relu(tf.matMul(inputs, weights.hidden));
      return { logits: tf.matMul(hidden, weights.output) as tf.Tensor2D, features: {} };
    });
  return { weights, forward, dispose: () => tf.dispose(weights) };
}

/** A loss: a scalar for a batch. Penalizes confidence (Pereyra et al. 2017, section 3.1). */
const confidence: LossTerm = ({ student: { logits } }) =>
  tf.tidy(() => tf.mean(tf.sum(tf.mul(tf.softmax(logits), tf.logSoftmax(logits)), 1)));

await startEngine();
const clean = dataLoader(stripes('clean', 400, 1), { batchSize: 50, seed: 1 });
const data = dataLoader(stripes('noisy', 200, 2, 0.5), { batchSize: 50, seed: 1 });
const [alone, student] = [perceptron(1), perceptron(1)];
const teacher = studentCnn({ classes: 3, seed: 1, widths: [4, 8] });
const common = { optimizer: adam(), learningRate: 0.01, epochs: 6 };
const labels = { ...common, objective: combine({ labels: crossEntropy() }) };
await fit({ ...labels, network: teacher, data: clean, directory: 'runs/custom/teacher' });
await fit({ ...labels, network: alone, data, directory: 'runs/custom/alone' });
const objective = combine({ soft: softTargets(), confidence: weighted(0.01, confidence) });
await distill({ ...common, teacher, student, data, objective, directory: 'runs/custom/distilled' });
const test = dataLoader(stripes('test', 600, 3), { batchSize: 300 });
const measure = async (network: Network) => (await evaluate(network, test)).top1;
const accuracy = [await measure(teacher), await measure(alone), await measure(student)] as const;
console.log('Accuracy of the teacher, the student alone and the distilled one:', ...accuracy);
if (accuracy[2] <= accuracy[1]) process.exitCode = 1; // The claim does not hold.
