import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { besides } from '@kd/report';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '../src/command/usageError.ts';
import { configure } from '../src/config.ts';
import type { MethodName } from '../src/methods/index.ts';
import { presets } from '../src/presets.ts';
import { distilledPupil, generationsOf } from '../src/record/pupils.ts';
import type { RunRecord } from '../src/record/run.ts';
import { tinyConfig, tinyRun } from './fixtures/tinyRun.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-schemes-'));
afterAll(() => rmSync(root, { recursive: true }));

/** The distillation of a method with two generations, where it has some, and the tiny assistant. */
function distillationOf(method: MethodName) {
  const changes = { method, ...(method === 'ban' && { generations: 2 }) };
  return configure('tiny', { about: '', ...tinyConfig, assistant: 'student-cnn' }, changes)
    .distillation;
}

const bytes = (directory: string, stage: string) =>
  readFileSync(path.join(root, directory, stage, 'best.safetensors'));
const stagesOf = ({ trainings }: RunRecord) =>
  Object.entries(trainings).map(([name, { epochs }]) => `${name} ${epochs.length}`);

const runs = (
  method: MethodName,
  folder: string,
  seen: (line: string) => void = () => {},
  signal?: AbortSignal,
) => tinyRun(path.join(root, folder), seen, signal, distillationOf(method), {}, 'wasm');

describe('a scheme by name', () => {
  test.each([
    [
      'takd',
      ['teacher 2', 'assistant 2', 'alone-3 2', 'distilled-3 2'],
      ['recording-assistant', 'recording-3'],
      'assistant 1/2',
    ],
    [
      'ban',
      ['teacher 2', 'alone-3 2', 'generation-1-3 2', 'distilled-3 2'],
      ['recording-generation-1-3', 'recording-3'],
      'generation 1/2',
    ],
    ['dml', ['teacher 2', 'alone-3 2', 'distilled-3 2'], [], 'distilled 1/2'],
    ['simkd', ['teacher 2', 'alone-3 2', 'distilled-3 2'], [], 'distilled 1/2'],
  ] as const)(
    '%s is stopped, goes on and says what it trained; no tensor stays',
    async (method, stages, recordings, moment) => {
      const controller = new AbortController();
      await expect(
        runs(method, method, (line) => line === moment && controller.abort(), controller.signal),
      ).rejects.toThrow();
      const before = memory().numTensors;
      const record = await runs(method, method);
      expect(memory().numTensors).toBe(before);
      expect(stagesOf(record)).toEqual(stages);
      expect(Object.keys(record.recordings)).toEqual(recordings);
      expect(readFileSync(path.join(root, method, 'report.html'), 'utf8')).toContain(
        besides(record) ?? 'The distilled student',
      );
    },
    120_000,
  );

  test.each(['takd', 'dml'] as const)(
    '%s was the same to the last bit as where nothing stopped it',
    async (method) => {
      const whole = await runs(method, `${method} whole`);
      expect(bytes(method, 'distilled-3').equals(bytes(`${method} whole`, 'distilled-3'))).toBe(
        true,
      );
      expect((await runs(method, method)).results['distilled-3']?.test.confusion).toEqual(
        whole.results['distilled-3']?.test.confusion,
      );
    },
    120_000,
  );

  test('the kept student of mutual learning is one network, that of SimKD carries its projector', async () => {
    const parameters = async (method: MethodName, stage: string) =>
      (await runs(method, method)).results[stage]?.parameters as number;
    expect(await parameters('dml', 'distilled-3')).toBe(await parameters('dml', 'alone-3'));
    expect(await parameters('simkd', 'distilled-3')).toBeGreaterThan(
      await parameters('simkd', 'alone-3'),
    );
  });
});

describe('who learns from whom', () => {
  const config = (method: MethodName, change = {}) =>
    configure('quick', presets.quick, { method, ...change });

  test('an assistant stands between, generations follow on each other, the last is the distilled student', () => {
    const taught = distilledPupil(config('takd'), 0);
    expect([taught.teacher?.name, taught.teacher?.teacher?.name]).toEqual(['assistant', 'teacher']);
    expect(taught.teacher?.choice).toMatchObject({
      architecture: 'resnet9-w0.125',
      epochs: 15,
      peakRate: 0.4,
    });
    const three = config('ban');
    const generations = generationsOf(three, 7);
    expect(generations.map(({ name, teacher }) => [name, teacher?.name])).toEqual([
      ['generation-1-7', 'alone-7'],
      ['generation-2-7', 'generation-1-7'],
    ]);
    expect(new Set([7, ...generations.map(({ seed }) => seed)]).size).toBe(3);
    expect(distilledPupil(three, 7)).toMatchObject({
      seed: 7,
      teacher: { name: 'generation-2-7' },
    });
    expect(distilledPupil(config('ban', { generations: 1 }), 7).teacher?.name).toBe('alone-7');
  });

  test('what it cost besides is said', () => {
    const record = {
      config: config('ban'),
      trainings: { 'generation-1-0': { seconds: 3 }, 'generation-2-0': { seconds: 4 } },
    };
    expect(besides(record as unknown as RunRecord)).toBe(
      'On the way 2 more students were trained: 15 epochs each, 7.0 s in all.',
    );
    expect(
      besides({
        config: config('takd'),
        trainings: { assistant: { seconds: 90 } },
      } as unknown as RunRecord),
    ).toBe('On the way an assistant was trained: resnet9-w0.125, 15 epochs, 1 min 30 s.');
    expect(besides({ config: config('dml'), trainings: {} } as unknown as RunRecord)).toMatch(
      /^A peer of the same architecture was trained along/,
    );
    expect(
      besides({ config: config('dkd'), trainings: {} } as unknown as RunRecord),
    ).toBeUndefined();
  });

  test('an assistant or generations for a method without are refused', () => {
    expect(() => config('dkd', { assistant: 'resnet8' })).toThrow(UsageError);
    expect(() => config('dkd', { assistant: 'resnet8' })).toThrow(
      '--assistant: expected nothing with --method dkd, which has none, got resnet8.',
    );
    expect(() => config('takd', { generations: 2 })).toThrow(
      '--generations: expected nothing with --method takd, which has none, got 2.',
    );
    expect(config('takd', { assistant: 'resnet8' }).distillation.assistant).toBe('resnet8');
  });
});
