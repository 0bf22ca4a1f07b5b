import { readFileSync } from 'node:fs';
import { cosine, type Store } from '@kd/core';
import { decodeSafetensors, encodeSafetensors, memoryStore } from '@kd/files';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  adam,
  type EpochReport,
  evaluate,
  loadVariables,
  networkTeacher,
  type StepReport,
  saveVariables,
  sgd,
  TrainingInterruptedError,
  type TrainOptions,
} from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { dropping, linear, numbersOf, tinyCnn } from './helpers/networks.ts';
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
      const { position, location, message } = await stoppedAt(store, steps);
      expect(position).toEqual({
        epoch: Math.floor(steps / 4.1),
        step: steps - 4 * Math.floor(steps / 4.1),
      });
      expect(location).toBe('memory');
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

  test('killed between checkpoints continues from the last one and ends with the same bits', async () => {
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

  test('that was complete only restores the weights', async () => {
    const whole = await uninterrupted();
    const { options, end } = everything(whole.store);
    expect(await reportsOf({ ...options, resume: true })).toEqual([]);
    expect(end()).toStrictEqual(whole.weights);
  });

  test('without a checkpoint starts from the beginning', async () => {
    const { options, end } = everything(memoryStore());
    expect(await reportsOf({ ...options, resume: true })).toHaveLength(4);
    end();
  });

  test('without a store reports that nothing is saved', async () => {
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

  test('of another order of the data is refused', async () => {
    const store = memoryStore();
    const { options, end } = everything(store);
    await reportsOf({ ...options, data: tinySource({ seed: 1 }) });
    end();
    expect(await refusal(store, { data: tinySource({ seed: 2 }) })).toMatch(
      /^train: expected indices [\d, ]+ first, as in last\.safetensors in memory, got \[[\d, ]+\]; give dataLoader the seed it had\.$/,
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

  test('that is refused leaves networks unchanged and no tensor behind', async () => {
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

describe('files of earlier versions', () => {
  const read = (name: string) =>
    readFileSync(new URL(`fixtures/earlierFiles/${name}`, import.meta.url));

  test('a checkpoint is resumed and ends with the same bits as the training that wrote it', async () => {
    const store = memoryStore();
    await store.write('last.safetensors', read('last.safetensors'));
    const { options, end } = everything(store);
    const rest = await reportsOf({ ...options, resume: true });
    expect(rest.map(({ epoch }) => epoch)).toEqual([2, 3, 4]);
    const expected = JSON.parse(read('weights.json').toString());
    for (const [owner, weights] of Object.entries(end()))
      for (const [name, values] of Object.entries(weights))
        expect(values, name).toEqual(expected[owner][name]);
  });

  test('the weights of the best epoch are loaded', async () => {
    const student = tinyCnn(2, 3, 9);
    await loadVariables(student, read('best.safetensors'), 'best.safetensors');
    const { tensors } = decodeSafetensors(read('best.safetensors'), 'best.safetensors');
    expect(numbersOf(student.weights)['dense.kernel']).toEqual(
      Array.from(tensors['dense.kernel']?.data as Float32Array),
    );
    student.dispose();
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

test('learningRateFactor multiplies the learning rate as a function of the history, also in a resumed training', async () => {
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

/** Weights after a training with dropout, and the seeds of its steps. */
async function trainWithDropout(more: Partial<TrainOptions> = {}) {
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

describe('the random numbers of a step', () => {
  test('differ from step to step and are the same in every training with a seed', async () => {
    const [one, again, other] = [
      await trainWithDropout(),
      await trainWithDropout({ seed: 0 }),
      await trainWithDropout({ seed: 1 }),
    ];
    expect(new Set(one.seeds.map(String)).size).toBe(12);
    expect(again).toStrictEqual(one);
    expect(other.seeds).not.toContainEqual(one.seeds[0]);
    expect(other.weights.kernel).not.toEqual(one.weights.kernel);
  });

  test('are the same after an interruption', async () => {
    const [whole, store, controller] = [
      await trainWithDropout({ seed: 7 }),
      memoryStore(),
      new AbortController(),
    ];
    const onStep = ({ epoch, step }: { epoch: number; step: number }) => {
      if (epoch === 2 && step === 1) controller.abort();
    };
    const before = await trainWithDropout({ seed: 7, store, signal: controller.signal, onStep });
    const after = await trainWithDropout({ seed: 7, store, resume: true });
    expect([...before.seeds, ...after.seeds]).toStrictEqual(whole.seeds);
    expect(after.weights).toStrictEqual(whole.weights);
    expect(await messageOf(trainWithDropout({ seed: 8, store, resume: true }))).toBe(
      'train: expected seed = 7 as in last.safetensors in memory, got 8; resume with what it was started with, or start anew elsewhere.',
    );
  });

  test('need a whole number as seed', async () => {
    expect(await messageOf(trainWithDropout({ seed: -1 }))).toBe(
      'train: expected seed to be a whole number ≥ 0, got -1.',
    );
  });
});

describe('variables in a file', () => {
  test('come back bit for bit, under their own names', async () => {
    const [one, two] = [tinyCnn(2, 3, 1), tinyCnn(2, 3, 2)];
    const bytes = await saveVariables(one, { epoch: '7' });
    expect(Object.keys(decodeSafetensors(bytes, 'x').tensors).sort()).toEqual([
      'conv.filter',
      'dense.kernel',
      'norm.mean',
      'norm.variance',
    ]);
    expect(decodeSafetensors(bytes, 'x').metadata).toMatchObject({
      epoch: '7',
      network: 'tinyCnn',
      format: 'kd-weights',
    });
    await loadVariables(two, bytes, 'x');
    expect(numbersOf(two.weights)).toStrictEqual(numbersOf(one.weights));
    tf.dispose([one.weights, two.weights]);
  });

  test('of another program are loaded if names and shapes fit', async () => {
    const network = linear(2, 2, 1);
    const kernel = { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } as const;
    const bias = { dtype: 'F32', shape: [2], data: Float32Array.of(5, 6) } as const;
    await loadVariables(network, encodeSafetensors({ kernel, bias }), 'x');
    expect(numbersOf(network.weights)).toEqual({ kernel: [1, 2, 3, 4], bias: [5, 6] });
    const refused = (tensors: Parameters<typeof encodeSafetensors>[0]) =>
      messageOf(loadVariables(network, encodeSafetensors(tensors), 'x.safetensors'));
    const end = 'it belongs to another network or training.';
    expect(await refused({ kernel })).toBe(
      `x.safetensors: expected bias of shape [2], got nothing of that name; ${end}`,
    );
    expect(await refused({ kernel, offset: bias })).toBe(
      `x.safetensors: expected bias of shape [2], got nothing of that name, but offset; ${end}`,
    );
    expect(await refused({ kernel, bias, more: bias })).toBe(
      `x.safetensors: expected only 2 known weights, got more besides; ${end}`,
    );
    expect(await refused({ kernel, bias: { ...bias, shape: [1, 2] } })).toBe(
      `x.safetensors: expected bias of shape [2], got [1, 2]; ${end}`,
    );
    expect(
      await refused({ kernel, bias: { dtype: 'I32', shape: [2], data: Int32Array.of(5, 6) } }),
    ).toBe(`x.safetensors: expected bias in F32, got I32; ${end}`);
    expect(numbersOf(network.weights)).toEqual({ kernel: [1, 2, 3, 4], bias: [5, 6] });
    network.dispose();
  });

  test('that are not finite are not written', async () => {
    const network = linear(2, 2, 1);
    tf.tidy(() => network.weights.bias?.assign(tf.tensor1d([0, Number.NaN])));
    expect(await messageOf(saveVariables(network))).toBe(
      'saveVariables: expected every weight to stay finite, got NaN in bias; lower the learning rate or clip gradients (clipNorm: 1).',
    );
    network.dispose();
  });
});
