import { readFileSync } from 'node:fs';
import type { OptimizerFactory } from '@kd/core';
import { memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { adam, adamW, layerwiseLearningRate, nadam, sgd } from '../src/index.ts';
import { whileCounting } from './helpers/countingBackend.ts';
import { onCpu } from './helpers/cpu.ts';
import { numbersOf, tinyCnn } from './helpers/networks.ts';
import { hard, taught } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { tinySource } from './helpers/source.ts';

type ByName = Readonly<Record<string, number[]>>;

/**
 * PyTorch's parameter groups in float64: three weights, ten given gradients, a rate that shrinks
 * from step to step.
 */
const golden = JSON.parse(
  readFileSync(new URL('./fixtures/parameterGroups.json', import.meta.url), 'utf8'),
) as {
  readonly initial: ByName;
  readonly gradients: readonly ByName[];
  readonly traces: readonly {
    readonly id: string;
    readonly rate: number;
    readonly after: readonly ByName[];
  }[];
};

const optimizers: Readonly<Record<string, OptimizerFactory>> = {
  sgd: sgd({ momentum: 0.9, weightDecay: 0.01 }),
  nesterov: sgd({ momentum: 0.9, nesterov: true, weightDecay: 5e-4 }),
  adam: adam({ weightDecay: 0.01 }),
  adamW: adamW({ weightDecay: 0.1 }),
  nadam: nadam(),
};

onEveryEngine(() => {
  test.each(golden.traces)(
    '$id follows PyTorch’s parameter groups for ten steps of a schedule',
    async ({ id, rate, after }) => {
      await expectNoNewTensors(() => {
        const weights = tf.tidy(() =>
          mapped(golden.initial, (values) => tf.variable(tf.tensor1d(values))),
        );
        const optimizer = layerwiseLearningRate(optimizers[id] as OptimizerFactory, {
          '': 0.01,
          fc: 1,
          stage4: 0.1,
        })(weights);
        for (const [step, expected] of after.entries()) {
          const gradients = golden.gradients[step] as ByName;
          tf.tidy(() =>
            optimizer.apply(
              mapped(gradients, (values) => tf.tensor1d(values)),
              tf.scalar(rate * 0.9 ** step),
            ),
          );
          expectClose(
            Object.values(numbersOf(weights)).flat(),
            Object.values(expected).flat(),
            1e-6,
          );
        }
        optimizer.dispose();
        tf.dispose(weights);
      });
    },
  );

  test('factors of 1 train as without factors', async () => {
    const trained = async (optimizer: OptimizerFactory) => {
      const student = tinyCnn(2, 3, 2);
      await reportsOf({
        student,
        objective: hard(),
        data: tinySource(),
        optimizer,
        learningRate: 0.05,
        epochs: 2,
        clipNorm: 1,
      });
      const numbers = numbersOf(student.weights);
      student.dispose();
      return numbers;
    };
    const [plain, grouped] = [
      await trained(adam()),
      await trained(layerwiseLearningRate(adam(), { '': 1, conv: 1 })),
    ];
    for (const [name, values] of Object.entries(plain))
      expectClose(grouped[name] as number[], values, 1e-6);
  });
});

describe('layerwiseLearningRate', () => {
  onCpu();

  test('the longest key up to a dot counts; slots are named by key', () => {
    const names = ['stage1.conv', 'stage10.conv', 'stage1.conv.kernel', 'fc.kernel'];
    const weights = tf.tidy(() =>
      Object.fromEntries(names.map((name) => [name, tf.variable(tf.zeros([1]))])),
    );
    const optimizer = layerwiseLearningRate(sgd({ momentum: 0.9 }), {
      stage1: 0.1,
      '': 1,
      'stage1.conv.kernel': 0.01,
    })(weights);
    tf.tidy(() =>
      optimizer.apply(
        mapped(weights, () => tf.tensor1d([-1])),
        tf.scalar(1),
      ),
    );
    expectClose(Object.values(numbersOf(weights)).flat(), [0.1, 1, 0.01, 1], 1e-6);
    expect(Object.keys(optimizer.weights)).toEqual([
      'stage1/momentum.stage1.conv',
      '/momentum.stage10.conv',
      '/momentum.fc.kernel',
      'stage1.conv.kernel/momentum.stage1.conv.kernel',
    ]);
    optimizer.dispose();
    tf.dispose(weights);
  });

  test('weights of the objective have a key of their own', async () => {
    const [student, objective] = [tinyCnn(2, 3, 2), taught(() => 1)];
    const teacher = () => tf.tidy(() => ({ logits: tf.zeros<tf.Rank.R2>([6, 3]), features: {} }));
    const options = {
      student,
      objective,
      teacher,
      data: tinySource({ rows: 6 }),
      learningRate: 0.1,
      epochs: 1,
    };
    expect(
      await messageOf(
        reportsOf({ ...options, optimizer: layerwiseLearningRate(sgd(), { '': 0.1 }) }),
      ),
    ).toBe(
      'layerwiseLearningRate: expected a factor for objective.soft.scale, got []; objective: 1 is usual.',
    );
    await reportsOf({
      ...options,
      optimizer: layerwiseLearningRate(sgd(), { '': 0.1, objective: 1 }),
    });
    tf.dispose([student.weights, objective.weights]);
  });

  test('a checkpoint keeps factors and options: it resumes with the same and refuses others', async () => {
    const store = memoryStore();
    const student = tinyCnn(2, 3, 2);
    const options = {
      student,
      objective: hard(),
      data: tinySource(),
      learningRate: 0.05,
      epochs: 1,
      store,
    };
    await reportsOf({
      ...options,
      optimizer: layerwiseLearningRate(adam(), { '': 0.1, dense: 1 }),
    });
    const resumed = (optimizer: OptimizerFactory) =>
      reportsOf({ ...options, optimizer, resume: true });
    expect(await resumed(layerwiseLearningRate(adam(), { '': 0.1, dense: 1 }))).toEqual([]);
    expect(await messageOf(resumed(layerwiseLearningRate(adam(), { '': 0.2, dense: 1 })))).toMatch(
      /expected optimizer = .*"factor of ":0\.1,"factor of dense":1/,
    );
    student.dispose();
  });

  test('a step is one compiled function with any groups', async () => {
    await whileCounting(async ({ compiled }) => {
      const student = tinyCnn(2, 3, 2);
      const optimizer = layerwiseLearningRate(adam(), { '': 0.1, dense: 1 });
      const batches = tinySource({ rows: 18 });
      await reportsOf({
        student,
        objective: hard(),
        data: batches,
        optimizer,
        learningRate: (progress) => 0.1 - 0.05 * progress,
        epochs: 3,
      });
      expect(
        compiled
          .map(({ calls, signatures }) => [calls, signatures.size])
          .filter(([calls]) => calls !== 0),
      ).toEqual([[9, 1]]);
      student.dispose();
    });
  });

  test('names what is wrong with the factors', () => {
    const weights = tf.tidy(() => ({
      'fc.kernel': tf.variable(tf.zeros([1])),
      'stem.kernel': tf.variable(tf.zeros([1])),
    }));
    expect(() => layerwiseLearningRate(sgd(), { stem: 0 })).toThrow(
      "layerwiseLearningRate: expected a factor > 0 for 'stem', got 0; freeze(network, { upTo: '…' }) of @kd/models leaves layers as they are.",
    );
    expect(() => layerwiseLearningRate(sgd(), { stem: -1 })).toThrow(
      "layerwiseLearningRate: expected a factor > 0 for 'stem', got -1; 0.1 is usual before the head.",
    );
    expect(() => layerwiseLearningRate(sgd(), { fc: 1 })(weights)).toThrow(
      "layerwiseLearningRate: expected a factor for stem.kernel, got [fc]; '': 0.01 stands for all others.",
    );
    expect(() => layerwiseLearningRate(sgd(), { '': 1, stage4: 0.1 })(weights)).toThrow(
      'layerwiseLearningRate: expected keys that fit weights that train (in fc, stem), got stage4; frozen layers need none.',
    );
    tf.dispose(weights);
  });
});

function mapped<From, To>(
  values: Readonly<Record<string, From>>,
  make: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, make(value)]));
}
