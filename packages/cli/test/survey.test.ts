import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ResultRecord } from '@kd/report';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configure } from '../src/experiment/configure.ts';
import type { MethodName } from '../src/experiment/methods.ts';
import { type ExperimentRun, type FoundRun, readRun } from '../src/run/runDirectory.ts';
import { reuseTeacher } from '../src/survey/surveyMethods.ts';
import { renderSurvey, writeBetween } from '../src/survey/surveyTable.ts';
import { experiment } from './fixtures/tinyExperiment.ts';
import { tinyRun } from './fixtures/tinyRun.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-survey-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('a survey of methods', () => {
  const directory = (name: string) => path.join(root, name);
  const reuse = (method: MethodName) =>
    reuseTeacher(base, configure(experiment, { method }), directory(method), 'kd survey');
  let base: FoundRun;
  beforeAll(async () => {
    base = {
      directory: directory('softTargets'),
      record: await tinyRun(directory('softTargets')),
    };
  });

  test('a method that needs logits reuses teacher, student alone, their results and the cache', async () => {
    const started = await reuse('dkd');
    expect(Object.keys(started.trainings)).toEqual(['teacher', 'baseline-3']);
    expect(Object.keys(started.results).sort()).toEqual(['baseline-3', 'teacher']);
    expect(started.caches).toEqual(base.record.caches);
    expect(started.config).toEqual({
      ...base.record.config,
      distillation: {
        method: 'dkd',
        temperature: 4,
        weights: { labels: 1, method: 1 },
        clipNorm: 1,
      },
    });
    for (const file of ['teacher/best.safetensors', 'baseline-3/test-logits.safetensors'])
      expect(
        readFileSync(path.join(directory('dkd'), file)).equals(
          readFileSync(path.join(base.directory, file)),
        ),
      ).toBe(true);
    expect(await readRun(directory('dkd'))).toEqual(started);
  });

  test('a method that needs features reuses no cache; what is started stays as it is', async () => {
    const started = await reuse('hints');
    expect(started.caches).toEqual({});
    expect(await reuse('hints')).toEqual(started);
  });

  test('a run that reuses a teacher trains the distilled student alone, and ends with a report', async () => {
    const started = await reuse('nkd');
    const lines: string[] = [];
    const record = await tinyRun(directory('nkd'), { seen: (line) => lines.push(line) });
    expect(lines.filter((line) => /\d\/\d$/.test(line))).toEqual([
      'distilled 1/2',
      'distilled 2/2',
    ]);
    expect(record.trainings['baseline-3']).toEqual(started.trainings['baseline-3']);
    expect(record.status).toBe('finished');
    expect(record.config).toEqual({
      ...base.record.config,
      distillation: started.config.distillation,
    });
    expect(record.config.distillation.method).toBe('nkd');
  });
});

describe('the table of a survey', () => {
  test('lists methods by accuracy, the student alone among them, and failures last, with their reason', () => {
    const text = renderSurvey([
      sampleRun('softTargets', [0.6, 0.62]),
      sampleRun('fsp', []),
      sampleRun('hints', [0.5, 0.52]),
    ]);
    expect(
      text
        .split('\n')
        .filter((line) => line.startsWith('|'))
        .map((line) => line.split(' | ')[0]),
    ).toEqual([
      '| `--method`',
      '| ---',
      '| `softTargets`',
      '| *the student alone*',
      '| `hints`',
      '| `fsp`',
    ]);
    expect(text).toContain(
      '| `softTargets` | cached logits | 0.1 | 0.9 | 61.00 ± 1.41 % | +6.00 ± 1.41 | 10.0 s |',
    );
    expect(text).toContain(
      '| `hints` | features of each batch | 0.1 | 0.9 | 51.00 ± 1.41 % | −4.00 ± 1.41 | 10.0 s |',
    );
    expect(text).toContain(
      '| `fsp` | features of each batch | 0.1 | 0.9 | train: expected a finite loss, got NaN | – | – |',
    );
    expect(text).toContain('5,000 of these images');
    expect(text).toMatch(/Not run yet: `tutorialLoss`, .*`mutualLearning`\.$/);
  });

  test('needs a finished run', () => {
    expect(() => renderSurvey([sampleRun('fsp', [])])).toThrow(
      'survey: expected a finished run, got none.',
    );
  });

  test('goes between the marks of a page', async () => {
    const page = path.join(root, 'page.md');
    writeFileSync(page, 'before\n<!-- survey -->\nold\n<!-- /survey -->\nafter\n');
    await writeBetween(page, 'survey', 'new');
    expect(readFileSync(page, 'utf8')).toBe(
      'before\n<!-- survey -->\n\nnew\n\n<!-- /survey -->\nafter\n',
    );
    await expect(writeBetween(page, 'sizes', 'new')).rejects.toThrow(
      `${page}: expected <!-- sizes --> … <!-- /sizes -->, got neither; put them where the table belongs.`,
    );
  });
});

/**
 * A record with these accuracies of the distilled students, one for each seed; alone they reach
 * 0.55. Without any, the run failed.
 */
function sampleRun(method: MethodName, accuracies: readonly number[]): ExperimentRun {
  const seeds = accuracies.map((_, seed) => seed);
  const entries = seeds.flatMap((seed) => [
    [`baseline-${seed}`, result('baseline', seed, 0.55)],
    [`distilled-${seed}`, result('distilled', seed, accuracies[seed] as number)],
  ]);
  const training = (name: string) => [
    name,
    { role: 'distilled', seed: 0, finished: true, seconds: 10, epochs: [] },
  ];
  return {
    status: accuracies.length > 0 ? 'finished' : 'failed',
    ...(accuracies.length === 0 && { error: 'train: expected a finite loss, got NaN' }),
    config: {
      images: { train: 47_000, validation: 3_000, student: 5_000, test: 10_000 },
      teacher: { architecture: 'resnet9-w0.125', epochs: 8, peakRate: 0.4 },
      student: { architecture: 'student-cnn', epochs: 8, peakRate: 0.8 },
      distillation: { method, weights: { labels: 0.1, method: 0.9 } },
      optimizer: { batchSize: 128, momentum: 0.9, weightDecay: 5e-4, rise: 0.25 },
      seeds: accuracies.length > 0 ? seeds : [0],
    },
    data: { train: { images: 47_000 }, test: { images: 10_000 } },
    environment: {
      engine: { name: 'cpu', version: '4.22.0' },
      machine: { cores: 2, processor: 'any' },
    },
    trainings: Object.fromEntries([
      ...seeds.flatMap((seed) => [training(`baseline-${seed}`), training(`distilled-${seed}`)]),
      training('teacher'),
    ]),
    caches: {},
    results: Object.fromEntries([['teacher', result('teacher', 0, 0.8)], ...entries]),
  } as unknown as ExperimentRun;
}

function result(role: ResultRecord['role'], seed: number, top1: number): ResultRecord {
  return {
    role,
    seed,
    parameters: 1,
    bytes: 4,
    flops: 2,
    test: { top1, imagesPerSecond: 1 } as ResultRecord['test'],
  };
}
