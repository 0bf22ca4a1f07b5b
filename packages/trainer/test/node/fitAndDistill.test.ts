import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { evaluate, type StepReport, sgd } from '../../src/index.ts';
import { distill, fit } from '../../src/node/index.ts';
import { onCpu } from '../helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from '../helpers/networks.ts';
import { hard, near, taught } from '../helpers/objectives.ts';
import { INPUTS, tinySource } from '../helpers/source.ts';

onCpu();

describe('fit and distill', () => {
  let directory = '';
  let lines: string[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kd-trainer-'));
    lines = [];
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const quiet = () => ({
    directory,
    log: (line: string) => void lines.push(line),
    createProgress: (label: string, total: number): Progress => ({
      update: () => {},
      end: (note = '') => void lines.push(`${label} of ${total}: ${note}`),
    }),
  });
  const usual = () => ({
    data: tinySource(),
    validation: tinySource({ dataSeed: 1 }),
    optimizer: sgd({ momentum: 0.9 }),
    learningRate: 0.1,
    epochs: 3,
  });

  test('fit trains, reports, saves last and best, and leaves the best weights in the network', async () => {
    const network = linear(INPUTS, 3, 1);
    // A rate that spoils the last epochs.
    const learningRate = (progress: number) => (progress < 0.5 ? 0.1 : 100);
    const { history, best, last, interrupted } = await fit({
      ...usual(),
      ...quiet(),
      network,
      objective: hard(),
      learningRate,
      epochs: 4,
    });
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(last).toBe(history[3]);
    expect(best?.epoch).toBeLessThan(4);
    expect((await evaluate(network, usual().validation)).loss).toBe(best?.validation?.loss);
    expect(interrupted).toBeUndefined();
    expect(readdirSync(directory).sort()).toEqual(['best.safetensors', 'last.safetensors']);
    expect(lines[0]).toMatch(/^train 1\/4 of 20: loss \d\.\d{3}, validation [\d.]+ %, best$/);
    network.dispose();
  });

  test('distill caches the teacher once, and uses the cache again', async () => {
    const [teacher, student, objective] = [
      linear(INPUTS, 3, 1),
      linear(INPUTS, 3, 2),
      taught(() => 1),
    ];
    const before = numbersOf(teacher.weights);
    const options = {
      ...usual(),
      ...quiet(),
      teacher,
      student,
      objective,
      data: tinySource({ viewCount: 2 }),
    };
    await distill(options);
    expect(readdirSync(directory).sort()).toEqual([
      'best.safetensors',
      'last.safetensors',
      'teacher.logits.view0.shard0.safetensors',
      'teacher.logits.view1.shard0.safetensors',
      'teacher.safetensors',
    ]);
    expect(lines[0]).toBe('cache linear of 40: ');
    expect(lines[1]).toMatch(
      /^The teacher's accuracy on tiny is [\d.]+ % \(2 views cached in .*\)\.$/,
    );
    lines = [];
    await distill(options);
    expect(lines.filter((line) => line.startsWith('cache'))).toEqual([]);
    expect(numbersOf(teacher.weights)).toStrictEqual(before);
    tf.dispose([teacher.weights, student.weights, objective.weights]);
  });

  test('images without labels are taught by the teacher, and the figures are called agreement', async () => {
    const [teacher, student] = [linear(INPUTS, 3, 1), linear(INPUTS, 3, 2)];
    const unlabelled = { labels: new Array<number>(20).fill(-1) };
    const options = {
      ...usual(),
      ...quiet(),
      teacher,
      student,
      objective: taught(() => 1),
      data: tinySource({ ...unlabelled, viewCount: 2 }),
    };
    await distill({ ...options, validation: undefined });
    expect(lines[1]).toMatch(
      /^The teacher answers in place of labels on tiny \(2 views cached in /,
    );
    expect(lines[2]).toMatch(
      /^train 1\/3 of 20: loss \d\.\d{3}, agreement with the teacher [\d.]+ %/,
    );
    // The cached teacher does not know the validation images; the live one does.
    lines = [];
    const validation = tinySource({ ...unlabelled, dataSeed: 1, firstRow: 100 });
    const { best } = await distill({ ...options, validation });
    expect(lines.at(-1)).toMatch(
      /^train 3\/3 of 20: loss \d\.\d{3}, agreement with the teacher [\d.]+ % in validation/,
    );
    expect(best?.validation?.agreement).toBeGreaterThan(0);
    tf.dispose([teacher.weights, student.weights, options.objective.weights]);
  });

  test('distill caches the features that a loss reads, and trains as with the live teacher', async () => {
    const teacher = tinyCnn(2, 3, 1);
    const run = async (more: object) => {
      const student = tinyCnn(2, 3, 2);
      await distill({
        ...usual(),
        ...quiet(),
        teacher,
        student,
        objective: near('map'),
        data: tinySource({ viewCount: 2 }),
        ...more,
      });
      const numbers = numbersOf(student.weights);
      student.dispose();
      return numbers;
    };
    const live = await run({ cache: false });
    expect(await run({ features: ['map'] })).toStrictEqual(live);
    expect(
      readdirSync(directory)
        .filter((name) => name.startsWith('teacher'))
        .sort(),
    ).toEqual([
      'teacher.logits.view0.shard0.safetensors',
      'teacher.logits.view1.shard0.safetensors',
      'teacher.map.view0.shard0.safetensors',
      'teacher.map.view1.shard0.safetensors',
      'teacher.safetensors',
    ]);
    teacher.dispose();
  });

  test('distill evaluates the live teacher if there are infinitely many views', async () => {
    const [teacher, student, objective] = [
      linear(INPUTS, 3, 1),
      linear(INPUTS, 3, 2),
      taught(() => 1),
    ];
    await distill({
      ...usual(),
      ...quiet(),
      teacher,
      student,
      objective,
      data: tinySource({ viewCount: Number.POSITIVE_INFINITY, seed: 1 }),
    });
    expect(readdirSync(directory)).not.toContain('teacher.safetensors');
    tf.dispose([teacher.weights, student.weights, objective.weights]);
  });

  test('Ctrl-C saves and prints how to continue; the resumed training ends as if uninterrupted', async () => {
    const [whole, network] = [linear(INPUTS, 3, 1), linear(INPUTS, 3, 1)];
    await fit({ ...usual(), ...quiet(), network: whole, objective: hard() });
    rmSync(join(directory, 'last.safetensors'));
    lines = [];
    const onStep = ({ epoch, step }: StepReport) => {
      if (epoch === 2 && step === 3) process.emit('SIGINT');
    };
    const stopped = await fit({ ...usual(), ...quiet(), network, objective: hard(), onStep });
    expect(stopped.interrupted).toEqual({ epoch: 1, step: 3 });
    expect(lines.at(-1)).toBe(
      `Interrupted at epoch 2, step 3; saved in ${directory}. Run again with resume: true to continue.`,
    );
    expect(process.listenerCount('SIGINT')).toBe(0);
    network.dispose();
    const again = linear(INPUTS, 3, 5);
    const { history } = await fit({
      ...usual(),
      ...quiet(),
      network: again,
      objective: hard(),
      resume: true,
    });
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(numbersOf(again.weights)).toStrictEqual(numbersOf(whole.weights));
    whole.dispose();
    again.dispose();
  });

  test('a signal while the teacher is cached stops it', async () => {
    const [teacher, student, objective] = [
      linear(INPUTS, 3, 1),
      linear(INPUTS, 3, 2),
      taught(() => 1),
    ];
    const { history, interrupted } = await distill({
      ...usual(),
      ...quiet(),
      teacher,
      student,
      objective,
      signal: AbortSignal.abort(),
    });
    expect([history, interrupted]).toEqual([[], { epoch: 0, step: 0 }]);
    expect(readdirSync(directory)).toEqual([]);
    expect(lines.at(-1)).toBe('Interrupted while the teacher was cached; run again to continue.');
    tf.dispose([teacher.weights, student.weights, objective.weights]);
  });
});
