import type { LossInputs, Objective, ProcessGroup } from '@kd/core';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { sgd } from '../src/index.ts';
import { linear } from './helpers/networks.ts';
import { hard } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

/** Cross entropy that counts how often it met each picture and keeps the seed of the last step. */
function counting(pictures: number): Objective {
  const [met, seed] = tf.tidy(
    () =>
      [
        tf.variable(tf.zeros([pictures]), false),
        tf.variable(tf.zeros([2], 'int32'), false),
      ] as const,
  );
  const plain = hard();
  const objective = (step: LossInputs) =>
    tf.tidy(() => {
      if (step.indices === undefined || step.seed === undefined)
        throw new Error('counting: no rows or no seed');
      met.assign(tf.add(met, tf.sum(tf.cast(tf.oneHot(step.indices, pictures), 'float32'), 0)));
      seed.assign(tf.clone(step.seed));
      return plain(step);
    });
  return Object.assign(objective, {
    weights: { met, seed },
    schedules: {},
    needsTeacher: false,
    needsIndices: true,
  });
}

onEveryEngine(() => {
  test('a term that needs rows is told which pictures it meets, and the rehearsal leaves no trace in it', async () => {
    const [student, objective] = [linear(INPUTS, 3, 1), counting(25)];
    const batches = tinySource({ firstRow: 5 });
    await reportsOf({
      student,
      objective,
      data: batches,
      optimizer: sgd(),
      learningRate: 0.1,
      epochs: 2,
    });
    expect(Array.from(objective.weights.met?.dataSync() ?? [])).toEqual([
      ...new Array(5).fill(0),
      ...new Array(20).fill(2),
    ]);
    expect(objective.weights.seed?.dataSync().some((word) => word !== 0)).toBe(true);
    tf.dispose([student.weights, objective.weights]);
  });
  test('a group refuses it', async () => {
    const [student, objective] = [linear(INPUTS, 3, 1), counting(20)];
    const group: ProcessGroup = {
      rank: 0,
      size: 1,
      allReduceSum: (tensor) => tf.clone(tensor) as typeof tensor,
    };
    const options = {
      student,
      objective,
      data: tinySource({ shard: group }),
      group,
      optimizer: sgd(),
      learningRate: 0.1,
      epochs: 1,
    };
    expect(await messageOf(reportsOf(options))).toBe(
      'train: expected an objective without a memory of pictures in a group, got one; train in one process, or take a term that remembers nothing: infoNce in place of crd.',
    );
    tf.dispose([student.weights, objective.weights]);
  });
});
