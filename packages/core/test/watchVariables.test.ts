import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { compile, trackVariableVersions } from '../src/index.ts';

onEveryEngine(() => {
  test('tells whether a variable was assigned, outside or inside of a compiled function', async () => {
    const [one, two, other] = [0, 1, 2].map((value) =>
      tf.tidy(() => tf.variable(tf.fill([3], value))),
    ) as [tf.Variable, tf.Variable, tf.Variable];
    const step = compile((by: tf.Scalar) =>
      tf.tidy(() => {
        two.assign(tf.add(two, by));
        return tf.sum(two);
      }),
    );
    const move = async () => {
      const by = tf.scalar(1);
      tf.dispose([await step.later(by), by]);
    };
    // A step comes first: values go to the device when they are used.
    await move();
    one.dataSync();
    const moved = trackVariableVersions([one, two]);
    expect(moved()).toBe(false);
    tf.tidy(() => other.assign(tf.add(one, two)));
    expect(moved()).toBe(false);
    await move();
    expect(moved()).toBe(true);
    const again = trackVariableVersions([one, two]);
    expect(again()).toBe(false);
    tf.tidy(() => one.assign(tf.add(one, 0)));
    expect(again()).toBe(true);
    expect([...two.dataSync()]).toEqual([3, 3, 3]);
    tf.dispose([one, two, other]);
  });
});
