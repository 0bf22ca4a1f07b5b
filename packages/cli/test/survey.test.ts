import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ResultRecord } from '@kd/report';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MethodName } from '../src/methods/index.ts';
import type { RunRecord } from '../src/record/run.ts';
import { readRecord } from '../src/record/run.ts';
import type { FoundRun } from '../src/record/runFolder.ts';
import { borrow } from '../src/survey/borrow.ts';
import { surveyText } from '../src/survey/table.ts';
import { tinyRun } from './fixtures/tinyRun.ts';

describe('a survey of methods', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'kd-survey-'));
  const folder = (name: string) => path.join(root, name);
  let base: FoundRun;
  beforeAll(async () => {
    base = {
      directory: folder('soft-targets'),
      record: await tinyRun(folder('soft-targets'), () => {}),
    };
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('a method that hears logits borrows teacher, student alone, their tests and the recording', async () => {
    const begun = await borrow(base, 'dkd', folder('dkd'));
    expect(Object.keys(begun.trainings)).toEqual(['teacher', 'alone-3']);
    expect(Object.keys(begun.results).sort()).toEqual(['alone-3', 'teacher']);
    expect(begun.recordings).toEqual(base.record.recordings);
    expect(begun.config).toEqual({
      ...base.record.config,
      distillation: { method: 'dkd', temperature: 4, hard: 1, soft: 1 },
    });
    for (const file of ['teacher/best.safetensors', 'alone-3/test-logits.safetensors'])
      expect(
        readFileSync(path.join(folder('dkd'), file)).equals(
          readFileSync(path.join(base.directory, file)),
        ),
      ).toBe(true);
    expect(await readRecord(folder('dkd'))).toEqual(begun);
  });

  test('a method that hears features borrows no recording; what is begun stays as it is', async () => {
    const begun = await borrow(base, 'hints', folder('hints'));
    expect(begun.recordings).toEqual({});
    expect(await borrow(base, 'hints', folder('hints'))).toEqual(begun);
  });

  test('a borrowed run trains the distilled student alone, and ends with a report', async () => {
    const begun = await borrow(base, 'nkd', folder('nkd'));
    const lines: string[] = [];
    const record = await tinyRun(folder('nkd'), (line) => lines.push(line));
    expect(lines.filter((line) => /\d\/\d$/.test(line))).toEqual([
      'distilled 1/2',
      'distilled 2/2',
    ]);
    expect(record.trainings['alone-3']).toEqual(begun.trainings['alone-3']);
    expect(record.status).toBe('finished');
    expect(record.config).toEqual({
      ...base.record.config,
      distillation: begun.config.distillation,
    });
    expect(record.config.distillation.method).toBe('nkd');
  });
});

describe('the text of a survey', () => {
  test('lists methods by accuracy, the student alone among them, and failures last, by their reason', () => {
    const text = surveyText([
      madeRun('soft-targets', [0.6, 0.62]),
      madeRun('fsp', []),
      madeRun('hints', [0.5, 0.52]),
    ]);
    expect(
      text
        .split('\n')
        .filter((line) => line.startsWith('|'))
        .map((line) => line.split(' | ')[0]),
    ).toEqual([
      '| `--method`',
      '| ---',
      '| `soft-targets`',
      '| *the student alone*',
      '| `hints`',
      '| `fsp`',
    ]);
    expect(text).toContain(
      '| `soft-targets` | recorded logits | 0.1 | 0.9 | 61.00 ± 1.41 % | +6.00 ± 1.41 | 10.0 s |',
    );
    expect(text).toContain(
      '| `hints` | features, live | 0.1 | 0.9 | 51.00 ± 1.41 % | −4.00 ± 1.41 | 10.0 s |',
    );
    expect(text).toContain(
      '| `fsp` | features, live | 0.1 | 0.9 | train: expected a finite loss, got NaN | – | – |',
    );
    expect(text).toContain('5,000 of these pictures');
    expect(text).toMatch(/Not run yet: `tutorial`, .*`dml`\.$/);
  });

  test('needs a finished run', () => {
    expect(() => surveyText([madeRun('fsp', [])])).toThrow(
      'survey: expected a finished run, got none.',
    );
  });
});

/**
 * A record with these accuracies of the distilled students, seed by seed; alone they reach 0.55.
 * None: it failed.
 */
function madeRun(method: MethodName, accuracies: readonly number[]): RunRecord {
  const seeds = accuracies.map((_, seed) => seed);
  const entries = seeds.flatMap((seed) => [
    [`alone-${seed}`, result('alone', seed, 0.55)],
    [`distilled-${seed}`, result('distilled', seed, accuracies[seed] as number)],
  ]);
  const training = (name: string) => [
    name,
    { actor: 'distilled', seed: 0, finished: true, seconds: 10, epochs: [] },
  ];
  return {
    status: accuracies.length > 0 ? 'finished' : 'failed',
    ...(accuracies.length === 0 && { error: 'train: expected a finite loss, got NaN' }),
    config: {
      data: { pictures: 50_000, held: 3_000, taught: 5_000, tested: 10_000 },
      teacher: { architecture: 'resnet9-w0.125', epochs: 8, peakRate: 0.4 },
      student: { architecture: 'student-cnn', epochs: 8, peakRate: 0.8 },
      distillation: { method, hard: 0.1, soft: 0.9 },
      optimizer: { batchSize: 128, momentum: 0.9, weightDecay: 5e-4, rise: 0.25 },
      seeds: accuracies.length > 0 ? seeds : [0],
    },
    data: { train: { pictures: 47_000 }, test: { pictures: 10_000 } },
    environment: {
      engine: { name: 'cpu', version: '4.22.0' },
      machine: { cores: 2, processor: 'any' },
    },
    trainings: Object.fromEntries([
      ...seeds.flatMap((seed) => [training(`alone-${seed}`), training(`distilled-${seed}`)]),
      training('teacher'),
    ]),
    recordings: {},
    results: Object.fromEntries([['teacher', result('teacher', 0, 0.8)], ...entries]),
  } as unknown as RunRecord;
}

function result(actor: ResultRecord['actor'], seed: number, top1: number): ResultRecord {
  return {
    actor,
    seed,
    parameters: 1,
    bytes: 4,
    flops: 2,
    test: { top1, imagesPerSecond: 1 } as ResultRecord['test'],
  };
}
