import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { counted, onTensorflow, valuesOf } from './compiling.ts';

describe.skipIf('reason' in locateLibrary())('compile on tensorflow', () => {
  onTensorflow();

  describe('arguments and results', () => {
    test('arrays and records of tensors go in and come out with their structure', () => {
      const { compiled, runs } = counted(
        ({ a, list }: { a: tf.Tensor; list: tf.Tensor[] }, b: tf.Tensor) => ({
          sum: tf.add(a, b),
          inner: [tf.mul(list[0] as tf.Tensor, 2), { last: tf.neg(list[1] as tf.Tensor) }],
          nothing: undefined,
        }),
      );
      for (const value of [1, 5]) {
        const result = compiled(
          { a: tf.scalar(value), list: [tf.scalar(2), tf.scalar(3)] },
          tf.scalar(10),
        );
        const { sum, inner } = result as unknown as {
          sum: tf.Tensor;
          inner: [tf.Tensor, { last: tf.Tensor }];
        };
        expect(Object.keys(result)).toEqual(['sum', 'inner', 'nothing']);
        expect([valuesOf(sum), valuesOf(inner[0]), valuesOf(inner[1].last)]).toEqual([
          [value + 10],
          [4],
          [-3],
        ]);
      }
      expect(runs()).toBe(1);
    });

    test('an argument, a constant, a variable, a captured tensor and the same tensor twice are results like others', () => {
      const variable = tf.variable(tf.scalar(7));
      const captured = tf.scalar(8);
      const compiled = compile((x: tf.Tensor) => {
        const square = tf.square(x);
        return [
          x,
          tf.scalar(6),
          variable,
          captured,
          square,
          square,
          tf.clone(square),
        ] as tf.Tensor[];
      });
      const x = tf.scalar(3);
      for (const value of [7, 70]) {
        variable.assign(tf.scalar(value));
        const results = compiled(x);
        expect(new Set(results).size).toBe(7);
        expect(results).not.toContain(x);
        expect(results.map(valuesOf)).toEqual([[3], [6], [value], [8], [9], [9], [9]]);
      }
      expect(x.dataSync()[0]).toBe(3);
    });

    test('a function that returns nothing, and one that computes nothing', () => {
      const variable = tf.variable(tf.scalar(1));
      compile((x: tf.Tensor) => variable.assign(tf.add(variable, x) as tf.Scalar))(tf.scalar(4));
      expect(variable.dataSync()[0]).toBe(5);
      expect(valuesOf(compile((x: tf.Tensor) => x)(tf.scalar(4)))).toEqual([4]);
      expect(compile(() => undefined)()).toBe(undefined);
    });

    test('empty tensors, scalars, booleans, whole numbers and strings', () => {
      const compiled = compile(
        (empty: tf.Tensor, yes: tf.Tensor, whole: tf.Tensor, text: tf.Tensor) => [
          tf.concat([empty, empty]),
          tf.logicalNot(yes),
          tf.add(whole, whole),
          tf.concat([text, text]),
        ],
      );
      const [empty, yes, whole, text] = compiled(
        tf.tensor1d([]),
        tf.scalar(true, 'bool'),
        tf.scalar(2 ** 24 + 1, 'int32'),
        tf.tensor1d(['a']),
      ) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      expect(empty.shape).toEqual([0]);
      expect([yes, whole, text].map((tensor) => [tensor.dtype, valuesOf(tensor)])).toEqual([
        ['bool', [0]],
        ['int32', [2 ** 25 + 2]],
        ['string', ['a', 'a']],
      ]);
      empty.dispose();
    });
  });

  describe('signatures', () => {
    test('another shape, type or structure traces again; the same does not', () => {
      const { compiled, runs } = counted((x: tf.Tensor | tf.Tensor[]) =>
        tf.sum(tf.mul(tf.stack([x].flat()), 2)),
      );
      const calls: [() => tf.Tensor | tf.Tensor[], number, number][] = [
        [() => tf.tensor1d([1, 2, 3]), 12, 1],
        [() => tf.tensor1d([1, 2]), 6, 2],
        [() => tf.tensor1d([4, 2, 3]), 18, 2],
        [() => tf.tensor1d([1, 2], 'int32'), 6, 3],
        [() => [tf.tensor1d([1, 2])], 6, 4],
        [() => [tf.tensor1d([1, 2])], 6, 4],
      ];
      for (const [make, sum, traces] of calls) {
        expect(valuesOf(compiled(make()))).toEqual([sum]);
        expect(runs()).toBe(traces);
      }
    });

    test('eight signatures are kept, the one unused for longest goes', () => {
      const { compiled, runs } = counted((x: tf.Tensor) => tf.sum(x));
      const call = (length: number): number[] => valuesOf(compiled(tf.ones([length])));
      for (let length = 1; length <= 8; length++) expect(call(length)).toEqual([length]);
      call(1);
      expect(runs()).toBe(8);
      call(9);
      expect(runs()).toBe(9);
      call(1);
      expect(runs()).toBe(9);
      expect(call(2)).toEqual([2]);
      expect(runs()).toBe(10);
    });

    test('two compiled functions do not share anything', () => {
      const [one, two] = [1, 2].map((add) => compile((x: tf.Tensor) => tf.add(x, add)));
      expect([one, two].map((compiled) => valuesOf(compiled?.(tf.scalar(1)) as tf.Tensor))).toEqual(
        [[2], [3]],
      );
    });
  });

  test('KD_COMPILE=off: the function itself', async () => {
    vi.stubEnv('KD_COMPILE', 'off');
    const { compiled, runs } = counted((x: tf.Tensor) => tf.square(x));
    vi.unstubAllEnvs();
    expect([compiled(tf.scalar(3)), await compiled.callAsync(tf.scalar(4))].map(valuesOf)).toEqual([
      [9],
      [16],
    ]);
    expect(runs()).toBe(2);
  });
});
