import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { counted, onTensorflow, valuesOf } from './compiling.ts';
import { closeTo, pseudoRandom } from './numbers.ts';
import { binary } from './tracedOps/binary.ts';
import { images } from './tracedOps/images.ts';
import type { Run } from './tracedOps/inputs.ts';
import { losses } from './tracedOps/losses.ts';
import { reductions } from './tracedOps/reductions.ts';
import { shapes } from './tracedOps/shapes.ts';
import { unary } from './tracedOps/unary.ts';

const dataOf = (tensor: tf.Tensor | undefined): Float32Array => tensor?.dataSync() as Float32Array;

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
    for (const [at, tensor] of wanted.entries()) closeTo(dataOf(got[at]), dataOf(tensor), 1e-5);
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

describe.skipIf('reason' in locateLibrary())('inside a compiled function', () => {
  onTensorflow();

  describe('ops and gradients inside', () => {
    test('tidy, keep, dispose, gradients and custom gradients', () => {
      const weight = tf.variable(tf.tensor1d([1, 2, 3]));
      const compiled = compile((x: tf.Tensor) => {
        const kept: tf.Tensor[] = [];
        const { value, grads } = tf.variableGrads(
          () =>
            tf.tidy(() => {
              const product = tf.mul(weight, x);
              kept.push(tf.keep(tf.square(product)));
              product.dispose();
              return tf.sum(kept[0] as tf.Tensor) as tf.Scalar;
            }),
          [weight],
        );
        const total = tf.sum(kept[0] as tf.Tensor);
        tf.dispose(kept);
        return [value, grads[weight.name] as tf.Tensor, total];
      });
      for (const x of [1, 2]) {
        expect(compiled(tf.scalar(x)).map(valuesOf)).toEqual([
          [14 * x * x],
          [2 * x * x, 4 * x * x, 6 * x * x],
          [14 * x * x],
        ]);
      }
    });

    test('gradients are ours, also if TF.js’s have been registered since, as an import of tfjs-layers does', () => {
      const { gradFunc, ...relu } = tf.getGradient('Relu');
      tf.unregisterGradient('Relu');
      const stock = vi.fn(gradFunc);
      tf.registerGradient({ ...relu, gradFunc: stock });
      const compiled = compile((x: tf.Tensor) => tf.grad((x: tf.Tensor) => tf.sum(tf.relu(x)))(x));
      expect(valuesOf(compiled(tf.tensor1d([-1, 2])))).toEqual([0, 1]);
      expect(stock).not.toHaveBeenCalled();
    });

    test('the function may dispose its symbolic argument; the caller’s tensor stays', () => {
      const x = tf.scalar(2);
      const compiled = compile((x: tf.Tensor) => {
        const square = tf.square(x);
        x.dispose();
        return square;
      });
      expect([compiled(x), compiled(x)].map(valuesOf)).toEqual([[4], [4]]);
    });

    test('under a gradient and inside another compiled function it runs as it is', () => {
      const { compiled: square, runs } = counted((x: tf.Tensor) => tf.square(x));
      expect(valuesOf(tf.grad((x) => square(x))(tf.scalar(3)))).toEqual([6]);
      const { compiled: outer, runs: outerRuns } = counted((x: tf.Tensor) =>
        tf.grad((x) => square(tf.add(square(x), 1)))(x),
      );
      expect([outer(tf.scalar(2)), outer(tf.scalar(3))].map(valuesOf)).toEqual([[40], [120]]);
      expect([runs(), outerRuns()]).toEqual([3, 1]);
    });

    test('a large constant of one value becomes a Fill, any other stays a constant', () => {
      const compiled = compile((x: tf.Tensor) => {
        const stripes = tf.tensor1d(Float32Array.from({ length: 20_000 }, (_, at) => at % 2));
        return [
          tf.sum(tf.mul(tf.ones([200, 200]), x)),
          tf.sum(tf.mul(stripes, x)),
          tf.sum(tf.zeros([40_000], 'int32')),
        ];
      });
      expect(compiled(tf.scalar(2)).map(valuesOf)).toEqual([[80_000], [20_000], [0]]);
    });
  });

  describe('optimizers of TensorFlow.js, 50 steps', () => {
    test.each([
      ['sgd', () => tf.train.sgd(0.05)],
      ['momentum', () => tf.train.momentum(0.05, 0.9, true)],
      ['adam', () => tf.train.adam(0.05)],
      ['adamax', () => tf.train.adamax(0.05)],
      ['adagrad', () => tf.train.adagrad(0.05)],
      ['adadelta', () => tf.train.adadelta(0.5)],
      ['rmsprop', () => tf.train.rmsprop(0.01, 0.9, 0.9, 1e-7, true)],
    ] as const)('%s’s minimize, as it is, gives what it gives without compile', (_, make) => {
      const learn = (compiling: boolean): number[][] => {
        const weight = tf.variable(tf.tensor2d(pseudoRandom(1, [5, 3]), [5, 3]));
        const bias = tf.variable(tf.zeros([3]));
        const optimizer = make();
        const step = (x: tf.Tensor2D, y: tf.Tensor2D): tf.Scalar =>
          optimizer.minimize(
            () =>
              tf.losses.softmaxCrossEntropy(
                y,
                tf.add(tf.matMul(x, weight as tf.Tensor2D), bias),
              ) as tf.Scalar,
            true,
            [weight, bias],
          ) as tf.Scalar;
        const run = compiling ? compile(step) : step;
        const losses = Array.from({ length: 50 }, (_, at) =>
          valuesOf(
            run(
              tf.tensor2d(pseudoRandom(at, [8, 5]), [8, 5]),
              tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2, 0, 1], 'int32'), 3) as tf.Tensor2D,
            ),
          ),
        ).flat();
        const weights = [weight, bias].map((variable) => Array.from(variable.dataSync()));
        optimizer.dispose();
        // Momentum's own dispose leaves a scalar behind.
        tf.dispose(
          Object.values(optimizer).filter(
            (value) => value instanceof tf.Tensor && !value.isDisposed,
          ),
        );
        tf.dispose([weight, bias]);
        return [losses, ...weights];
      };
      const [eager, compiled] = [tf.tidy(() => learn(false)), tf.tidy(() => learn(true))];
      for (const [at, values] of eager.entries()) closeTo(compiled[at] as number[], values, 1e-5);
      expect((eager[0] as number[])[49]).toBeLessThan((eager[0] as number[])[0] as number);
    });
  });

  test('an optimizer whose rate is an argument and whose steps are counted in a variable: 50 steps as without compile, traced once', () => {
    const learn = (compiling: boolean): { losses: number[]; traces: number } => {
      const weight = tf.variable(tf.tensor2d(pseudoRandom(1, [5, 3]), [5, 3]));
      const [first, second] = [tf.variable(tf.zeros([5, 3])), tf.variable(tf.zeros([5, 3]))];
      const count = tf.variable(tf.scalar(0));
      vi.stubEnv('KD_COMPILE', compiling ? 'on' : 'off');
      const { compiled, runs } = counted(({ x, rate }: { x: tf.Tensor; rate: tf.Tensor }) =>
        tf.tidy(() => {
          const { value, grads } = tf.variableGrads(
            () => tf.mean(tf.square(tf.sub(tf.matMul(x, weight), 1))) as tf.Scalar,
            [weight],
          );
          const gradient = grads[weight.name] as tf.Tensor;
          count.assign(tf.add(count, 1) as tf.Scalar);
          first.assign(tf.add(tf.mul(first, 0.9), tf.mul(gradient, 0.1)));
          second.assign(tf.add(tf.mul(second, 0.999), tf.mul(tf.square(gradient), 0.001)));
          const unbiased = (slot: tf.Tensor, beta: number): tf.Tensor =>
            tf.div(slot, tf.sub(1, tf.pow(beta, count)));
          const step = tf.div(unbiased(first, 0.9), tf.add(tf.sqrt(unbiased(second, 0.999)), 1e-8));
          weight.assign(tf.sub(weight, tf.mul(step, rate)) as tf.Tensor2D);
          return value;
        }),
      );
      vi.unstubAllEnvs();
      const losses = Array.from({ length: 50 }, (_, at) =>
        valuesOf(
          compiled({
            x: tf.tensor2d(pseudoRandom(at, [8, 5]), [8, 5]),
            rate: tf.scalar(0.1 / (1 + at)),
          }),
        ),
      ).flat();
      return { losses: [...losses, ...weight.dataSync()], traces: runs() };
    };
    const [eager, compiled] = [learn(false), learn(true)];
    closeTo(compiled.losses, eager.losses, 1e-5);
    expect([eager.traces, compiled.traces]).toEqual([50, 1]);
  });
});
