import { expectNoNewTensors } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { adam, networkTeacher } from '../../src/index.ts';
import { tinyCnn } from './networks.ts';
import { taught } from './objectives.ts';
import { reportsOf } from './run.ts';
import { tinySource } from './source.ts';

/**
 * Trains with teacher, clipping, averages and validation, four steps per epoch. Expects that the
 * number of tensors is constant after five steps, and the same after the training as before it.
 */
export async function expectSteadyTensors(epochs: number): Promise<void> {
  const [student, teacher, objective] = [
    tinyCnn(2, 3, 2),
    tinyCnn(2, 3, 1),
    taught((progress) => progress),
  ];
  const data = tinySource({ viewCount: 2, seed: 3 });
  const seen: number[] = [];
  await expectNoNewTensors(async () => {
    await reportsOf({
      student,
      objective,
      teacher: networkTeacher(teacher),
      data,
      validation: data,
      optimizer: adam(),
      learningRate: 1e-3,
      epochs,
      clipNorm: 1,
      ema: 0.9,
      onStep: () => seen.push(tf.memory().numTensors),
    });
  });
  expect(seen).toHaveLength(4 * epochs);
  expect(new Set(seen.slice(4)).size).toBe(1);
  tf.dispose([student.weights, teacher.weights, objective.weights]);
}
