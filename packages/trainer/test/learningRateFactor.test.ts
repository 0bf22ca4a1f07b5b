import { memoryStore } from '@kd/files';
import { expect, test } from 'vitest';
import { type EpochReport, type StepReport, sgd } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear } from './helpers/networks.ts';
import { hard } from './helpers/objectives.ts';
import { reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

onCpu();

test('a factor of the epochs so far multiplies the learning rate, and a resumed training goes on with it', async () => {
  const store = memoryStore();
  const asked: number[] = [];
  const options = (epochs: number) => ({
    student: linear(INPUTS, 3, 2),
    objective: hard(),
    data: tinySource(),
    optimizer: sgd(),
    learningRate: (progress: number) => 0.2 - 0.1 * progress,
    learningRateFactor: (history: readonly EpochReport[]) => {
      asked.push(history.length);
      return 0.5 ** history.length;
    },
    epochs,
    store,
  });
  const controller = new AbortController();
  const stopping = {
    ...options(3),
    signal: controller.signal,
    onStep: ({ epoch, step }: StepReport) => epoch === 3 && step === 1 && controller.abort(),
  };
  await expect(reportsOf(stopping)).rejects.toThrow('Interrupted at epoch 3, step 1');
  const [last] = await reportsOf({ ...options(3), resume: true });
  expect(last?.learningRate).toBeCloseTo(0.25 * (0.2 - 0.1 * (11 / 12)), 12);
  expect([...new Set(asked)]).toEqual([0, 1, 2]);
});
