import { expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { compile } from '../src/index.ts';
import { persistentTensor } from '../src/internal.ts';

const counting = (values: Float32Array): void => {
  for (let at = 0; at < values.length; at++) values[at] = at % 1000;
};
const counted = (count: number): number[] => Array.from({ length: count }, (_, at) => at % 1000);

onEveryEngine(() => {
  test.each([[[0]], [[]], [[3]], [[100, 300]], [[64, 32, 3, 3]]])(
    '%j has what was written',
    async (shape) => {
      await expectNoNewTensors(async () => {
        const made = persistentTensor(shape, counting);
        expect([made.shape, made.dtype, made.size]).toEqual([
          shape,
          'float32',
          tf.util.sizeFromShape(shape),
        ]);
        expect(Array.from(await made.data())).toEqual(counted(made.size));
        const doubled = tf.add(made, made);
        expect(Array.from(doubled.dataSync())).toEqual(
          counted(made.size).map((value) => 2 * value),
        );
        tf.dispose([made, doubled]);
      });
    },
  );

  test('is zero where nothing is written', () => {
    const made = persistentTensor([200, 200], (values) => values.fill(1, 0, 7));
    expect(tf.tidy(() => tf.sum(made).dataSync()[0])).toBe(7);
    made.dispose();
  });

  test('belongs to a tidy, and to the variable that is created from it', () => {
    const before = tf.memory().numTensors;
    const weight = tf.tidy(() => tf.variable(persistentTensor([200, 200], counting)));
    tf.tidy(() => weight.assign(persistentTensor([200, 200], (values) => values.fill(2))));
    expect(tf.memory().numTensors).toBe(before + 1);
    expect(weight.dataSync()[39_999]).toBe(2);
    weight.dispose();
  });

  test('an error of the writer is thrown, and no tensor is left', () => {
    const before = tf.memory().numTensors;
    const refuse = () => {
      throw new Error('not today');
    };
    expect(() => persistentTensor([200, 200], refuse)).toThrow('not today');
    expect(tf.memory().numTensors).toBe(before);
  });

  test('is a constant in a compiled function', () => {
    const add = compile((x: tf.Tensor) =>
      tf.tidy(() => tf.max(tf.add(x, persistentTensor([200, 200], counting)))),
    );
    const x = tf.ones([200, 200]);
    for (let call = 0; call < 2; call++) {
      const most = add(x);
      expect(most.dataSync()[0]).toBe(1000);
      most.dispose();
    }
    x.dispose();
  });
});
