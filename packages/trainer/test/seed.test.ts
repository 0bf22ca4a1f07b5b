import { memoryStore } from '@kd/files';
import { describe, expect, test } from 'vitest';
import { adam, TrainingInterruptedError, type TrainOptions } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { dropping, numbersOf } from './helpers/networks.ts';
import { hard } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

/** Weights after a training with dropout, and the seeds of its steps. */
async function trained(more: Partial<TrainOptions> = {}) {
  const seeds: number[][] = [];
  const student = dropping(INPUTS, 3, 1, (seed) => seeds.push(seed));
  const options = {
    objective: hard(),
    data: tinySource(),
    optimizer: adam(),
    learningRate: 0.05,
    epochs: 3,
  };
  try {
    await reportsOf({ student, ...options, ...more });
  } catch (error) {
    if (!(error instanceof TrainingInterruptedError)) throw error;
  }
  const weights = numbersOf(student.weights);
  student.dispose();
  return { seeds, weights };
}

describe('what a step draws', () => {
  onCpu();

  test('is other in every step and the same in every training of a seed', async () => {
    const [one, again, other] = [
      await trained(),
      await trained({ seed: 0 }),
      await trained({ seed: 1 }),
    ];
    expect(new Set(one.seeds.map(String)).size).toBe(12);
    expect(again).toStrictEqual(one);
    expect(other.seeds).not.toContainEqual(one.seeds[0]);
    expect(other.weights.kernel).not.toEqual(one.weights.kernel);
  });

  test('is the same after an interruption', async () => {
    const [whole, store, controller] = [
      await trained({ seed: 7 }),
      memoryStore(),
      new AbortController(),
    ];
    const onStep = ({ epoch, step }: { epoch: number; step: number }) => {
      if (epoch === 2 && step === 1) controller.abort();
    };
    const before = await trained({ seed: 7, store, signal: controller.signal, onStep });
    const after = await trained({ seed: 7, store, resume: true });
    expect([...before.seeds, ...after.seeds]).toStrictEqual(whole.seeds);
    expect(after.weights).toStrictEqual(whole.weights);
    expect(await messageOf(trained({ seed: 8, store, resume: true }))).toBe(
      'train: expected seed = 7 as in last.safetensors in memory, got 8; resume with what it was started with, or start anew elsewhere.',
    );
  });

  test('refuses a seed that is none', async () => {
    expect(await messageOf(trained({ seed: -1 }))).toBe(
      'train: expected seed to be a whole number ≥ 0, got -1.',
    );
  });
});
