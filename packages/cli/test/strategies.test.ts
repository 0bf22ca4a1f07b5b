import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { footnotes } from '@kd/report';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { experiment as quick } from '../../../examples/cifar10/quick.ts';
import { configure, type Overrides } from '../src/experiment/configure.ts';
import type { MethodName } from '../src/experiment/methods.ts';
import { UsageError } from '../src/experiment/usageError.ts';
import { distilledJob, generationJobs } from '../src/run/jobs.ts';
import type { ExperimentRun, FoundRun } from '../src/run/runDirectory.ts';
import { reuseTeacher } from '../src/survey/surveyMethods.ts';
import { experiment } from './fixtures/tinyExperiment.ts';
import { type TinyRunOptions, tinyRun } from './fixtures/tinyRun.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-strategies-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Teacher and student alone are the same for all strategies. */
let base: FoundRun;
beforeAll(async () => {
  const directory = path.join(root, 'base');
  base = { directory, record: await tinyRun(directory) };
});

/** Runs the tiny experiment with a method, with the tiny assistant or two generations. */
async function run(
  method: MethodName,
  name: string,
  options: TinyRunOptions = {},
): Promise<ExperimentRun> {
  const overrides: Overrides = { method, ...(method === 'bornAgain' && { generations: 2 }) };
  const config = configure({ ...experiment, assistant: 'student-cnn' }, overrides);
  const directory = path.join(root, name);
  await reuseTeacher(base, config, directory, 'none');
  return tinyRun(directory, options);
}

const bestWeights = (directory: string, stage: string) =>
  readFileSync(path.join(root, directory, stage, 'best.safetensors'));
const listTrainings = ({ trainings }: ExperimentRun) =>
  Object.entries(trainings).map(([name, { epochs }]) => `${name} ${epochs.length}`);

describe('a strategy', () => {
  test.each([
    [
      'teacherAssistants',
      ['teacher 2', 'baseline-3 2', 'assistant 2', 'distilled-3 2'],
      ['logits-assistant', 'logits-3'],
      'assistant 1/2',
    ],
    [
      'bornAgain',
      ['teacher 2', 'baseline-3 2', 'generation-1-3 2', 'distilled-3 2'],
      ['logits-generation-1-3', 'logits-3'],
      'generation 1/2',
    ],
    ['mutualLearning', ['teacher 2', 'baseline-3 2', 'distilled-3 2'], [], 'distilled 1/2'],
    ['simKd', ['teacher 2', 'baseline-3 2', 'distilled-3 2'], [], 'distilled 1/2'],
  ] as const)(
    '%s is stopped, goes on and reports what it trained; no tensor is left',
    async (method, trainings, caches, moment) => {
      const controller = new AbortController();
      const seen = (line: string) => line === moment && controller.abort();
      await expect(run(method, method, { seen, signal: controller.signal })).rejects.toThrow();
      const before = memory().numTensors;
      const record = await run(method, method);
      expect(memory().numTensors).toBe(before);
      expect(listTrainings(record)).toEqual(trainings);
      expect(Object.keys(record.caches)).toEqual(caches);
      expect(readFileSync(path.join(root, method, 'report.html'), 'utf8')).toContain(
        footnotes(record) ?? 'The distilled student',
      );
    },
    120_000,
  );

  test.each(['teacherAssistants', 'mutualLearning'] as const)(
    '%s is the same to the last bit as where nothing stopped it',
    async (method) => {
      const whole = await run(method, `${method} whole`);
      expect(
        bestWeights(method, 'distilled-3').equals(bestWeights(`${method} whole`, 'distilled-3')),
      ).toBe(true);
      expect((await run(method, method)).results['distilled-3']?.test.confusion).toEqual(
        whole.results['distilled-3']?.test.confusion,
      );
    },
    120_000,
  );

  test('the kept student of mutual learning is one network, that of SimKD has its projector', async () => {
    const parameters = async (method: MethodName, stage: string) =>
      (await run(method, method)).results[stage]?.parameters as number;
    expect(await parameters('mutualLearning', 'distilled-3')).toBe(
      await parameters('mutualLearning', 'baseline-3'),
    );
    expect(await parameters('simKd', 'distilled-3')).toBeGreaterThan(
      await parameters('simKd', 'baseline-3'),
    );
  });
});

describe('which network teaches which', () => {
  const config = (method: MethodName, change: Overrides = {}) =>
    configure(quick, { method, ...change });

  test('an assistant stands between, generations follow each other, the last is the distilled student', () => {
    const taught = distilledJob(config('teacherAssistants'), 0);
    expect([taught.teacher?.name, taught.teacher?.teacher?.name]).toEqual(['assistant', 'teacher']);
    expect(taught.teacher?.training).toMatchObject({
      architecture: 'resnet9-w0.125',
      epochs: 15,
      peakRate: 0.4,
    });
    const three = config('bornAgain');
    const generations = generationJobs(three, 7);
    expect(generations.map(({ name, teacher }) => [name, teacher?.name])).toEqual([
      ['generation-1-7', 'baseline-7'],
      ['generation-2-7', 'generation-1-7'],
    ]);
    expect(new Set([7, ...generations.map(({ seed }) => seed)]).size).toBe(3);
    expect(distilledJob(three, 7)).toMatchObject({ seed: 7, teacher: { name: 'generation-2-7' } });
    expect(distilledJob(config('bornAgain', { generations: 1 }), 7).teacher?.name).toBe(
      'baseline-7',
    );
  });

  test('the footnotes have what was trained besides, and for how long', () => {
    const notes = (method: MethodName, trainings: object) =>
      footnotes({
        config: config(method),
        trainings,
        caches: {},
      } as unknown as ExperimentRun);
    const training = (role: string, seconds: number) => ({ role, seed: 0, seconds, epochs: [] });
    expect(
      notes('bornAgain', {
        'generation-1-0': training('generation', 3),
        'generation-2-0': training('generation', 4),
      }),
    ).toContain('15 epochs each, 7.0 s in all.');
    expect(notes('teacherAssistants', { assistant: training('assistant', 90) })).toContain(
      'resnet9-w0.125, 15 epochs, 1 min 30 s.',
    );
    expect(notes('mutualLearning', {})).toMatch(/^A peer of the same architecture was trained/);
    expect(notes('dkd', {})).toBeUndefined();
  });

  test('an assistant or generations for a method without are refused', () => {
    expect(() => config('dkd', { assistant: 'resnet8' })).toThrow(UsageError);
    expect(() => config('dkd', { assistant: 'resnet8' })).toThrow(
      '--assistant: expected nothing with --method dkd, which has none, got resnet8; leave it out.',
    );
    expect(() => config('teacherAssistants', { generations: 2 })).toThrow(
      '--generations: expected nothing with --method teacherAssistants, which has none, got 2; leave it out.',
    );
    expect(config('teacherAssistants', { assistant: 'resnet8' }).distillation.assistant).toBe(
      'resnet8',
    );
    expect(() => configure(experiment, { method: 'teacherAssistants' })).toThrow(
      '--assistant: expected an architecture between teacher and student, got nothing.',
    );
  });
});
