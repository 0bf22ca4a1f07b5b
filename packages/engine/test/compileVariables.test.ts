import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { counted, onTensorflow, valuesOf } from './compiling.ts';

describe.skipIf('reason' in locateLibrary())(
  'what a compiled function has to do with besides its arguments',
  () => {
    onTensorflow();

    describe('variables', () => {
      test('those that are assigned hold the new value after each call, traced or not', () => {
        const count = tf.variable(tf.scalar(0));
        const { compiled, runs } = counted((by: tf.Scalar) => {
          count.assign(tf.add(count, by) as tf.Scalar);
          return tf.mul(count, 10);
        });
        expect([1, 2, 3].map((by) => valuesOf(compiled(tf.scalar(by)))[0])).toEqual([10, 30, 60]);
        expect(count.dataSync()[0]).toBe(6);
        count.assign(tf.scalar(100));
        expect(valuesOf(compiled(tf.scalar(1)))).toEqual([1010]);
        expect(runs()).toBe(1);
      });

      test('two that shared data before go their own ways', () => {
        const a = tf.variable(tf.scalar(1));
        const b = tf.variable(tf.scalar(2));
        b.assign(a);
        const step = compile(() => {
          a.assign(tf.add(a, 1) as tf.Scalar);
          b.assign(tf.mul(b, 10) as tf.Scalar);
        });
        step();
        step();
        expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([3, 100]);
      });

      test('two that share data after the call, and one that takes the other’s old value', () => {
        const [a, b, c] = [1, 2, 3].map((value) => tf.variable(tf.scalar(value))) as [
          tf.Variable,
          tf.Variable,
          tf.Variable,
        ];
        const step = compile(() => {
          c.assign(b);
          b.assign(a);
          const next = tf.add(a, 5);
          a.assign(next);
          return next;
        });
        expect(valuesOf(step())).toEqual([6]);
        expect([a, b, c].map((variable) => variable.dataSync()[0])).toEqual([6, 1, 2]);
        expect(valuesOf(step())).toEqual([11]);
        expect([a, b, c].map((variable) => variable.dataSync()[0])).toEqual([11, 6, 1]);
      });

      test('a tensor passed twice, captured as well, and shared with a variable', () => {
        const x = tf.tensor1d([1, 2]);
        const variable = tf.variable(x);
        const compiled = compile((a: tf.Tensor, b: tf.Tensor) => {
          variable.assign(tf.add(variable, 1) as tf.Tensor1D);
          return tf.stack([a, b, x, variable]);
        });
        expect(valuesOf(compiled(x, x))).toEqual([1, 2, 1, 2, 1, 2, 2, 3]);
        const y = tf.tensor1d([10, 20]);
        expect(valuesOf(compiled(y, x))).toEqual([10, 20, 1, 2, 1, 2, 3, 4]);
        expect(valuesOf(compiled(x, y))).toEqual([1, 2, 10, 20, 1, 2, 4, 5]);
        expect(x.dataSync()).toEqual(Float32Array.of(1, 2));
      });

      test('a variable that is an argument can be assigned, each for itself', () => {
        const [a, b] = [1, 2].map((value) => tf.variable(tf.scalar(value))) as [
          tf.Variable,
          tf.Variable,
        ];
        const double = compile((variable: tf.Tensor) => {
          (variable as tf.Variable).assign(tf.mul(variable, 2));
          return tf.neg(variable);
        });
        expect([a, b, a].map((variable) => valuesOf(double(variable))[0])).toEqual([-2, -4, -4]);
        expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([4, 4]);
      });

      test('clones and results taken before a call keep their values', () => {
        const variable = tf.variable(tf.scalar(1));
        const step = compile(() => {
          variable.assign(tf.add(variable, 1) as tf.Scalar);
          return variable as tf.Tensor;
        });
        const clone = tf.clone<tf.Tensor>(variable);
        const first = step();
        const second = step();
        expect([clone, first, second].map(valuesOf)).toEqual([[1], [2], [3]]);
        expect(variable.dataSync()[0]).toBe(3);
      });

      test('those that the function makes start as they would without compile, and are made once', () => {
        const made: tf.Variable[] = [];
        const weight = tf.variable(tf.tensor1d([1, 2]));
        const { compiled, runs } = counted((x: tf.Tensor1D) => {
          made[0] ??= tf.variable(tf.zerosLike(weight));
          made[1] ??= tf.variable(tf.tidy(() => tf.mul(weight, 10)));
          made[2] ??= tf.variable(tf.scalar(4));
          made[0].assign(tf.add(made[0], x));
          made[2].assign(tf.add(made[2], 1));
          return tf.add(made[0], made[1]);
        });
        expect(valuesOf(compiled(tf.tensor1d([1, 1])))).toEqual([11, 21]);
        expect(valuesOf(compiled(tf.tensor1d([1, 1])))).toEqual([12, 22]);
        expect(made.map((variable) => Array.from(variable.dataSync()))).toEqual([
          [2, 2],
          [10, 20],
          [6],
        ]);
        expect(runs()).toBe(2);
      });
    });

    describe('captured tensors', () => {
      test('one that was there before is an input, uploaded or not', () => {
        const used = tf.tensor1d([1, 2]);
        tf.add(used, 1);
        const fresh = tf.tensor1d([3, 4]);
        const compiled = compile((x: tf.Tensor) => tf.add(tf.add(x, used), fresh));
        for (const _ of [1, 2]) expect(valuesOf(compiled(tf.scalar(10)))).toEqual([14, 16]);
        const tensors = tf.memory().numTensors;
        compiled(tf.scalar(0)).dispose();
        expect(tf.memory().numTensors).toBe(tensors + 1);
      });

      test('what was cached by tf.keep in the function is captured when it is traced again', () => {
        const cache: tf.Tensor[] = [];
        const compiled = compile((x: tf.Tensor) => {
          cache[0] ??= tf.keep(tf.tensor1d([1, 2]));
          return tf.sum(tf.mul(tf.sum(x), cache[0]));
        });
        expect(valuesOf(compiled(tf.ones([2])))).toEqual([6]);
        expect(valuesOf(compiled(tf.ones([3])))).toEqual([9]);
        cache[0]?.dispose();
      });
    });
  },
);
