import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { LossInputs } from '@kd/core';
import { resnet9, studentCnn } from '@kd/models';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../src/command/usageError.ts';
import { configure } from '../src/config.ts';
import { type MethodName, methodOf, methods, objectiveOf } from '../src/methods/index.ts';
import { channelMethods } from '../src/methods/relations.ts';
import { presets } from '../src/presets.ts';
import { tinyRun } from './fixtures/tinyRun.ts';

const names = Object.keys(methods) as MethodName[];
const [classes, rows] = [10, 8];

onEveryEngine(() => {
  test.each(names)('%s teaches: a finite loss, and gradients that reach the student', (method) => {
    const plain = studentCnn({ classes, seed: 1, widths: [8, 8, 16] });
    const teacher = Object.hasOwn(channelMethods, method)
      ? studentCnn({ classes, seed: 2, widths: [8, 8, 16] })
      : resnet9({ classes, seed: 2, width: 0.125 });
    const head = { pooling: 'max', scale: 0.2 } as const;
    const { hears, company, student: wrapped } = methodOf(method);
    const student = wrapped?.({ student: plain, teacher, head, seed: 3 }) ?? plain;
    const { distillation } = configure('smoke', presets.smoke, { method });
    const objective = objectiveOf(distillation, {
      student,
      teacher,
      head,
      labels: [0, 1, 2, 3, 0, 1, 2, 3, ...new Array<number>(12).fill(-1)],
      classes,
      batchSize: rows,
      seed: 3,
    });
    tf.tidy(() => {
      const images = tf.randomUniform<tf.Rank.R4>([rows, 16, 16, 3], 0, 1, 'float32', 1);
      const numbers = Object.fromEntries(
        Object.entries(objective.schedules).map(([name, schedule]) => [
          name,
          tf.scalar(schedule(0.05)),
        ]),
      );
      const common: Omit<LossInputs, 'student'> = {
        labels: tf.tensor1d([0, 1, 2, 3, 0, 1, 2, 3], 'int32'),
        scheduledValues: numbers,
        indices: tf.range(0, rows, 1, 'int32'),
        seed: tf.tensor1d([1, 2], 'int32'),
        ...(hears === 'nothing' && company === undefined
          ? {}
          : { teacher: teacher.forward(images, { training: false }) }),
      };
      const trainable = Object.values(student.weights).filter((weight) => weight.trainable);
      const { value, grads } = tf.variableGrads(
        () => objective({ ...common, student: student.forward(images, { training: true }) }).total,
        trainable,
      );
      expect(Number.isFinite(value.dataSync()[0])).toBe(true);
      const first = grads[trainable[0]?.name ?? ''];
      expect(first === undefined ? 0 : (tf.norm(first).dataSync()[0] as number)).toBeGreaterThan(0);
    });
    tf.dispose([
      ...Object.values(objective.weights),
      ...Object.values(student.weights),
      ...Object.values(teacher.weights),
    ]);
  });
});

describe('a run', () => {
  test.each([
    ['hints', ['[3/5] student distilled: hints']],
    ['virtual-teacher', ['[3/5] student distilled: virtual-teacher, temperature 20']],
  ] as const)('by %s records no logits', async (method, stages) => {
    const root = mkdtempSync(path.join(tmpdir(), 'kd-method-'));
    const lines: string[] = [];
    const { distillation } = configure('smoke', presets.smoke, { method });
    const record = await tinyRun(
      root,
      (line) => lines.push(line),
      undefined,
      distillation,
      {},
      'wasm',
    );
    expect(lines).toEqual(expect.arrayContaining([...stages]));
    expect(record.recordings).toEqual({});
    expect(record.trainings['distilled-3']?.finished).toBe(true);
    rmSync(root, { recursive: true });
  });

  test('a temperature for a method that softens nothing is refused', () => {
    const change = () => configure('smoke', presets.smoke, { method: 'hints', temperature: 3 });
    expect(change).toThrow(UsageError);
    expect(change).toThrow(
      '--temperature: expected nothing with --method hints, which softens nothing, got 3; leave it out.',
    );
  });
});
