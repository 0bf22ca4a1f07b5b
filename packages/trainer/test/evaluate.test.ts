import type { DataLoader, Network } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { evaluate } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { messageOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

/** A network that returns the given logits in order, whatever the images. */
function scripted(logits: readonly (readonly number[])[]): Network {
  let row = 0;
  return {
    weights: {},
    forward: (images) => {
      const lines = logits.slice(row, row + images.shape[0]);
      row += images.shape[0];
      return { logits: tf.tensor2d(lines as number[][]), features: {} };
    },
    dispose: () => {},
  };
}

const half = Math.log(0.5);
const rest = (count: number, share: number) => Math.log(share / count);
/** Six classes; probabilities by hand, as logits. */
const logits = [
  [half, ...new Array<number>(5).fill(rest(5, 0.5))], // truth 0: right, confidence 0.5
  [half, ...new Array<number>(5).fill(rest(5, 0.5))], // truth 1: wrong, confidence 0.5; 0 before it, ties after it
  [6, 5, 4, 3, 2, 1], // truth 5: last of six, not among five
  [6, 5, 4, 3, 2, 1], // truth 4: fifth
];
const labels = [0, 1, 5, 4];

describe('evaluate', () => {
  onCpu();
  const source = (more: object = {}): DataLoader =>
    tinySource({ rows: 4, classes: 6, batchSize: 3, labels, ...more });

  test('counts by hand: top 1, top 5, cross entropy, confusion, calibration', async () => {
    const { top1, top5, loss, confusion, calibrationError, images } = await evaluate(
      scripted(logits),
      source(),
    );
    const total = [6, 5, 4, 3, 2, 1].reduce((sum, value) => sum + Math.exp(value), 0);
    const [sure, last, fifth] = [Math.exp(6) / total, Math.exp(1) / total, Math.exp(2) / total];
    expect([top1, top5, images]).toEqual([0.25, 0.75, 4]);
    expectClose([loss], [-(half + Math.log(0.1) + Math.log(last) + Math.log(fifth)) / 4], 1e-6);
    expect(confusion).toEqual([
      [1, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
    ]);
    // Bin of 0.5: two pictures, one right, |1/2 − 1/2| = 0. Bin of 0.63: two pictures, none right.
    expectClose([calibrationError], [(2 / 4) * sure], 1e-5);
  });

  test('onLogits gets the logits of each batch in order', async () => {
    const received: [number[], number[]][] = [];
    const onLogits = (values: Float32Array, indices: Int32Array) =>
      received.push([Array.from(values), Array.from(indices)]);
    await evaluate(scripted(logits), source(), { onLogits });
    expect(received.map(([, indices]) => indices)).toEqual([[0, 1, 2], [3]]);
    expect(received.flatMap(([values]) => values)).toEqual(logits.flat().map(Math.fround));
  });

  test('a tie goes to the first class, as argMax', async () => {
    const flat = labels.map(() => [0, 0, 0, 0, 0, 0]);
    const { top1, top5, loss } = await evaluate(scripted(flat), source());
    expect([top1, top5]).toEqual([0.25, 0.75]);
    expectClose([loss], [Math.log(6)], 1e-6);
  });

  test('refuses labels beyond the classes, other numbers of classes, and networks that diverged', async () => {
    expect(
      await messageOf(evaluate(scripted(logits), source({ labels: [0, 1, 6, 4], firstRow: 100 }))),
    ).toBe('evaluate: expected labels from 0 to 5, got 6 for image 102 of tiny.');
    expect(await messageOf(evaluate(scripted(logits), source({ classes: 7 })))).toBe(
      'evaluate: expected a logit for each of the 7 classes of tiny, got 6.',
    );
    expect(
      await messageOf(
        evaluate(scripted([[Number.NaN, 0, 0, 0, 0, 0], ...logits.slice(1)]), source()),
      ),
    ).toBe(
      'evaluate: expected finite logits, got a loss of NaN for image 0 of tiny; the network has diverged.',
    );
    expect(await messageOf(evaluate(scripted([]), source({ rows: 0 })))).toBe(
      'evaluate: expected images in tiny, got none.',
    );
  });
});

onEveryEngine(() => {
  test('evaluating changes nothing and leaves nothing behind', async () => {
    const [network, source] = [tinyCnn(2, 3, 1), tinySource()];
    const before = numbersOf(network.weights);
    const first = await evaluate(network, source);
    await expectNoNewTensors(async () => {
      const again = await evaluate(network, source);
      expect({ ...again, seconds: 0, imagesPerSecond: 0 }).toEqual({
        ...first,
        seconds: 0,
        imagesPerSecond: 0,
      });
    });
    expect(numbersOf(network.weights)).toStrictEqual(before);
    network.dispose();
  });

  test('a network of fewer than five classes has all labels among its first five', async () => {
    const network = linear(INPUTS, 3, 1);
    expect((await evaluate(network, tinySource())).top5).toBe(1);
    network.dispose();
  });
});
