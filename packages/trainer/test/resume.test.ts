import { cosine, type Store } from '@kd/core';
import { decodeSafetensors, encodeSafetensors, memoryStore } from '@kd/files';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  adam,
  evaluate,
  loadVariables,
  networkTeacher,
  sgd,
  TrainingInterruptedError,
  type TrainOptions,
} from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { hard, taught } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

onCpu();

/**
 * A training with everything in it: teacher, learned objective, Adam, clipping, averages,
 * schedules, views, validation.
 */
function everything(store: Store) {
  const [student, teacher, objective] = [
    tinyCnn(2, 3, 2),
    tinyCnn(2, 3, 1),
    taught((progress) => 1 - 0.5 * progress),
  ];
  const options: TrainOptions = {
    student,
    objective,
    teacher: networkTeacher(teacher),
    data: tinySource({ viewCount: 3, seed: 5 }),
    validation: tinySource({ dataSeed: 1 }),
    optimizer: adam({ weightDecay: 1e-3 }),
    learningRate: cosine({ from: 0.05 }),
    epochs: 4,
    clipNorm: 0.5,
    ema: 0.7,
    store,
    config: { seed: 5 },
  };
  const end = () => {
    const weights = {
      student: numbersOf(student.weights),
      objective: numbersOf(objective.weights),
    };
    objective.dispose();
    student.dispose();
    teacher.dispose();
    return weights;
  };
  return { options, end };
}

/** The tensors of a store's checkpoint, and its history without seconds. */
async function contents(store: Store) {
  const { tensors, metadata } = decodeSafetensors(
    (await store.read('last.safetensors')) as Uint8Array,
    'last',
  );
  const state = JSON.parse(metadata.state as string, (key, value) =>
    key === 'seconds' || key === 'imagesPerSecond' ? 0 : value,
  );
  return {
    state,
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
    ),
  };
}

/**
 * A whole run, and the same run stopped after so many steps (more than once), each part from new
 * networks.
 */
async function uninterrupted() {
  const store = memoryStore();
  const { options, end } = everything(store);
  await reportsOf(options);
  return { weights: end(), store };
}

async function stoppedAt(store: Store, steps: number): Promise<TrainingInterruptedError> {
  const { options, end } = everything(store);
  const controller = new AbortController();
  let left = steps;
  const onStep = () => {
    left -= 1;
    if (left === 0) controller.abort();
  };
  try {
    await reportsOf({ ...options, resume: true, signal: controller.signal, onStep });
  } catch (error) {
    end();
    if (error instanceof TrainingInterruptedError) return error;
    throw error;
  }
  throw new Error('expected an interruption');
}

describe('a resumed training', () => {
  test.each([[2], [4], [7]])(
    'stopped after %i steps and again two steps later ends with the same bits',
    async (steps) => {
      const whole = await uninterrupted();
      const store = memoryStore();
      const { position, place, message } = await stoppedAt(store, steps);
      expect(position).toEqual({
        epoch: Math.floor(steps / 4.1),
        step: steps - 4 * Math.floor(steps / 4.1),
      });
      expect(place).toBe('memory');
      expect(message).toBe(
        `Interrupted at epoch ${position.epoch + 1}, step ${position.step}; saved in memory.`,
      );
      await stoppedAt(store, 2);
      const { options, end } = everything(store);
      await reportsOf({ ...options, resume: true });
      expect(end()).toStrictEqual(whole.weights);
      expect(await contents(store)).toStrictEqual(await contents(whole.store));
    },
  );

  test('killed between checkpoints goes on from the last one and ends with the same bits', async () => {
    const whole = await uninterrupted();
    const store = memoryStore();
    const { options, end } = everything(store);
    const onStep = ({ epoch, step }: { epoch: number; step: number }) => {
      if (epoch === 3 && step === 2) throw new Error('killed');
    };
    expect(await messageOf(reportsOf({ ...options, onStep }))).toBe('killed');
    end();
    const again = everything(store);
    const rest = await reportsOf({ ...again.options, resume: true });
    expect(rest.map(({ epoch }) => epoch)).toEqual([3, 4]);
    expect(again.end()).toStrictEqual(whole.weights);
  });

  test('that was over does nothing but bring the weights', async () => {
    const whole = await uninterrupted();
    const { options, end } = everything(whole.store);
    expect(await reportsOf({ ...options, resume: true })).toEqual([]);
    expect(end()).toStrictEqual(whole.weights);
  });

  test('without a checkpoint begins at the beginning', async () => {
    const { options, end } = everything(memoryStore());
    expect(await reportsOf({ ...options, resume: true })).toHaveLength(4);
    end();
  });

  test('without a store says that nothing is saved', async () => {
    const { options, end } = everything(memoryStore());
    const message = await messageOf(
      reportsOf({ ...options, store: undefined, signal: AbortSignal.abort() }),
    );
    expect(message).toBe(
      'Interrupted at epoch 1, step 0; nothing is saved, for no store was given.',
    );
    end();
  });
});

describe('a checkpoint', () => {
  const refusal = async (store: Store, more: Partial<TrainOptions>) => {
    const { options, end } = everything(store);
    const message = await messageOf(reportsOf({ ...options, resume: true, ...more }));
    end();
    return message;
  };
  const begun = async () => {
    const store = memoryStore();
    await stoppedAt(store, 5);
    return store;
  };
  const other = 'resume with what it was started with, or start anew elsewhere';

  test('of another configuration is refused by field', async () => {
    const store = await begun();
    expect(await refusal(store, { epochs: 5 })).toBe(
      `train: expected epochs = 4 as in last.safetensors in memory, got 5; ${other}.`,
    );
    expect(await refusal(store, { config: { seed: 6 } })).toBe(
      `train: expected config.seed = 5 as in last.safetensors in memory, got 6; ${other}.`,
    );
    expect(await refusal(store, { clipNorm: undefined })).toBe(
      `train: expected clipNorm = 0.5 as in last.safetensors in memory, got null; ${other}.`,
    );
    expect(await refusal(store, { learningRate: 0.05 })).toContain(
      'train: expected learningRate = [0.05,',
    );
    expect(await refusal(store, { data: tinySource({ viewCount: 3, seed: 6 }) })).toContain(
      'train: expected view.seed = ',
    );
    expect(
      await refusal(store, { data: tinySource({ viewCount: 3, seed: 5, dataSeed: 1 }) }),
    ).toContain('train: expected data = ');
    expect(await refusal(store, { optimizer: sgd() })).toContain(
      'train: expected optimizer = {"kind":"adam"',
    );
    expect(await refusal(store, { optimizer: adam({ weightDecay: 1e-4 }) })).toContain(
      '"weightDecay":0.0001}; resume with what',
    );
    expect(await refusal(store, { optimizer: (weights) => sgd()(weights) })).toContain(
      'got "unnamed"',
    );
  });

  test('of another order of rows is refused', async () => {
    const store = memoryStore();
    const { options, end } = everything(store);
    await reportsOf({ ...options, data: tinySource({ seed: 1 }) });
    end();
    expect(await refusal(store, { data: tinySource({ seed: 2 }) })).toMatch(
      /^train: expected rows [\d, ]+ first, as in last\.safetensors in memory, got \[[\d, ]+\]; give batches the seed they had\.$/,
    );
  });

  test('that was altered or cut short is refused by name', async () => {
    const store = await begun();
    const bytes = (await store.read('last.safetensors')) as Uint8Array;
    const altered = bytes.slice();
    altered[bytes.length - 1] = (altered[bytes.length - 1] as number) ^ 1;
    await store.write('last.safetensors', altered);
    expect(await refusal(store, {})).toMatch(
      /^last\.safetensors in memory: expected contents with the sha256 \w{64}, got \w{64}; the file was altered; use another copy or start anew\.$/,
    );
    await store.write('last.safetensors', bytes.slice(0, bytes.length - 4));
    expect(await refusal(store, {})).toMatch(/^last\.safetensors in memory: expected .*, got/);
    await store.write('last.safetensors', encodeSafetensors({}, { format: 'other' }));
    expect(await refusal(store, {})).toBe(
      'last.safetensors in memory: expected metadata with a digest, got none; it was not written by @kd/trainer.',
    );
  });

  test('refused leaves networks as they were and no tensor behind', async () => {
    const store = await begun();
    const { options, end } = everything(store);
    const [before, tensors] = [numbersOf(options.student.weights), tf.memory().numTensors];
    await messageOf(reportsOf({ ...options, resume: true, optimizer: sgd() }));
    expect(tf.memory().numTensors).toBe(tensors);
    expect(numbersOf(options.student.weights)).toStrictEqual(before);
    end();
  });

  test('of weights that are not finite is never written', async () => {
    const store = memoryStore();
    const { options, end } = everything(store);
    const objective = taught((progress) => (progress > 0.4 ? Number.POSITIVE_INFINITY : 1));
    expect(await messageOf(reportsOf({ ...options, objective }))).toContain(
      'got soft = Infinity at epoch 2, step 4',
    );
    const { state, tensors } = await contents(store);
    expect(state.position).toEqual({ epoch: 1, step: 0 });
    for (const values of Object.values(tensors)) expect(values.every(Number.isFinite)).toBe(true);
    objective.dispose();
    end();
  });
});

describe('best and last', () => {
  test('best holds the weights of the best epoch, last those of the last; neither is loaded while training', async () => {
    const store = memoryStore();
    const [student, other, validation] = [
      linear(INPUTS, 3, 2),
      linear(INPUTS, 3, 3),
      tinySource({ wrongBy: 1 }),
    ];
    const options = {
      student,
      objective: hard(),
      data: tinySource(),
      optimizer: sgd(),
      learningRate: 0.2,
      epochs: 6,
      bestBy: 'loss' as const,
      store,
      validation,
    };
    const reports = await reportsOf(options);
    const best = reports.filter(({ isBest }) => isBest).at(-1);
    const last = reports.at(-1);
    expect(best?.epoch).toBeLessThan(6);
    expect((await evaluate(student, validation)).loss).toBe(last?.validation?.loss);
    await loadVariables(
      other,
      (await store.read('best.safetensors')) as Uint8Array,
      'best.safetensors',
    );
    expect((await evaluate(other, validation)).loss).toBe(best?.validation?.loss);
    await loadVariables(
      other,
      (await store.read('last.safetensors')) as Uint8Array,
      'last.safetensors',
    );
    expect((await evaluate(other, validation)).loss).toBe(last?.validation?.loss);
    student.dispose();
    other.dispose();
  });
});
