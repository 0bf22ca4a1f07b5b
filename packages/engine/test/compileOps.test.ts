import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { closeTo } from './numbers.ts';
import { binary } from './tracedOps/binary.ts';
import { images } from './tracedOps/images.ts';
import type { Run } from './tracedOps/inputs.ts';
import { losses } from './tracedOps/losses.ts';
import { reductions } from './tracedOps/reductions.ts';
import { shapes } from './tracedOps/shapes.ts';
import { unary } from './tracedOps/unary.ts';

const valuesOf = (tensor: tf.Tensor | undefined): Float32Array =>
  tensor?.dataSync() as Float32Array;

const listOf = (result: tf.Tensor | tf.Tensor[]): tf.Tensor[] =>
  Array.isArray(result) ? result : [result];

/**
 * The weighted squares of all that an op gives: a number with a gradient that depends on every
 * part.
 */
function weighed(run: Run): (...inputs: tf.Tensor[]) => tf.Scalar {
  return (...inputs) =>
    tf.addN(
      listOf(run(...inputs)).map((part, at) => tf.mul(tf.sum(tf.square(part)), at + 1)),
    ) as tf.Scalar;
}

function expectEqual(
  name: string,
  run: (...inputs: tf.Tensor[]) => tf.Tensor[],
  inputs: tf.Tensor[],
): void {
  const before = tf.memory().numTensors;
  const wanted = tf.tidy(() => run(...inputs));
  const compiled = compile((...all: tf.Tensor[]) => tf.tidy(() => run(...all)));
  for (const _ of ['traced', 'called again']) {
    const got = compiled(...inputs);
    expect(got.map(({ shape, dtype }) => [name, shape, dtype])).toEqual(
      wanted.map(({ shape, dtype }) => [name, shape, dtype]),
    );
    for (const [at, tensor] of wanted.entries()) closeTo(valuesOf(got[at]), valuesOf(tensor), 1e-5);
    tf.dispose(got);
  }
  tf.dispose(wanted);
  expect(tf.memory().numTensors).toBe(before);
}

describe.skipIf('reason' in locateLibrary())('an op traced equals the op run at once', () => {
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  for (const [name, run, make, gradient] of [
    ...unary,
    ...binary,
    ...reductions,
    ...shapes,
    ...images,
    ...losses,
  ]) {
    test(name, () => {
      const inputs = make();
      expectEqual(name, (...all) => listOf(run(...all)), inputs);
      if (gradient === undefined)
        expectEqual(`gradient of ${name}`, (...all) => tf.grads(weighed(run))(all), inputs);
      tf.dispose(inputs);
    });
  }
});
