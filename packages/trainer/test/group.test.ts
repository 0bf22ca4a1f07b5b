import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EndedProcess, explainStartFailure, runProcessGroup } from '@kd/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EpochReport, TrainingPosition } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { type GroupTraining, networks, optimizerOf, settings } from './helpers/groupTrainings.ts';
import { numbersOf } from './helpers/networks.ts';
import { hard } from './helpers/objectives.ts';
import { reportsOf } from './helpers/run.ts';
import { tinySource } from './helpers/source.ts';

interface Line {
  readonly rank: number;
  readonly reports?: readonly EpochReport[];
  readonly weights?: Readonly<Record<string, readonly number[]>>;
  readonly error?: string;
  readonly steps?: number;
  readonly position?: TrainingPosition;
}

type Result = Required<Pick<Line, 'reports' | 'weights'>>;

const hasTensorflow = (await explainStartFailure('tensorflow')) === undefined;
const fixture = (name: string) => new URL(`fixtures/${name}.ts`, import.meta.url);

const linear20 = { network: 'linear', rows: 20, epochs: 2 } as const;
const cnn20 = { network: 'cnn', rows: 20, epochs: 2 } as const;
const cnn24 = { network: 'cnn', rows: 24, epochs: 2 } as const;
const ownWeights = { network: 'linear', networkSeed: 'own', rows: 20, epochs: 3 } as const;
const linear24 = { network: 'linear', rows: 24, epochs: 3 } as const;

onCpu();

// Starting processes takes most of the time: each of them runs several trainings.
describe.skipIf(!hasTensorflow)('training in a group of processes', { timeout: 120_000 }, () => {
  let root = '';
  let two: EndedProcess<Line>[] = [];
  let killed: EndedProcess<Line>[] = [];
  let references: EndedProcess<Line>[] = [];
  /** Groups of one, two and three processes that continue the training that was killed. */
  let resumed: Readonly<Record<number, EndedProcess<Line>[]>> = {};

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'kd-group-'));
    const directory = (name: string) => join(root, name);
    const interrupted = { ...cnn20, directory: directory('interrupted') };
    const reference = [
      { ...linear20, size: 2 },
      { ...cnn20, size: 2 },
      { ...cnn24, size: 3 },
    ];
    // Three processes at a time: more gain nothing on a small machine.
    [two, references] = await Promise.all([
      run(2, [
        linear20,
        cnn20,
        ownWeights,
        linear24,
        { ...interrupted, at: 5, deed: 'interrupt' },
        { ...interrupted, resume: true },
      ]),
      runProcessGroup<Line>(fixture('groupReference'), {
        processes: 1,
        args: [JSON.stringify(reference)],
      }),
    ]);
    killed = await run(2, [{ ...linear24, directory: directory('killed2'), at: 6, deed: 'kill' }]);
    for (const size of [3, 1])
      cpSync(directory('killed2'), directory(`killed${size}`), { recursive: true });
    const resume = (size: number): GroupTraining => ({
      ...linear24,
      directory: directory(`killed${size}`),
      resume: true,
    });
    const three = await run(3, [resume(3), cnn24]);
    const [one, pair] = await Promise.all([run(1, [resume(1)]), run(2, [resume(2)])]);
    resumed = { 1: one, 2: pair, 3: three };
  }, 180_000);
  afterAll(() => rmSync(root, { recursive: true }));

  const run = (
    processes: number,
    trainings: readonly GroupTraining[],
    more: { timeoutSeconds?: number; stopped?: number[] } = {},
  ) =>
    runProcessGroup<Line>(fixture('groupTraining'), {
      processes,
      args: [JSON.stringify(trainings)],
      ...more,
    });

  /** The result of a training, the same on all processes. @param at Its number. */
  function resultOf(ends: readonly EndedProcess<Line>[], at: number): Result {
    expect(ends.map(({ status, stderr }) => [status, stderr])).toEqual(ends.map(() => [0, '']));
    const lines = ends.map(({ lines }) => lines[at] as Line);
    const [first] = lines as [Line];
    for (const { reports, weights } of lines)
      expect({ reports, weights }).toEqual({ reports: first.reports, weights: first.weights });
    return first as Result;
  }

  test.each([
    [2, 'linear', 20],
    [2, 'cnn', 20],
    [3, 'cnn', 24],
  ] as const)(
    '%i processes, %s: to the last bit what one process gets that adds the gradients of the shards',
    (size, network, rows) => {
      const at = size === 3 ? 2 : network === 'cnn' ? 1 : 0;
      const { weights, reports } = size === 3 ? resultOf(resumed[3] ?? [], 1) : resultOf(two, at);
      expect(references[0]?.stderr).toBe('');
      expect(weights).toEqual(references[0]?.lines[at]?.weights);
      expect(reports.map(({ images, validation }) => [images, validation?.images])).toEqual([
        [rows, 8],
        [rows, 8],
      ]);
    },
  );

  test('two processes get what one gets from whole batches, within rounding, from the weights of process 0', async () => {
    const { weights, reports } = resultOf(two, 2);
    const student = networks.linear(1);
    const source = { rows: 20, batchSize: 6, seed: 3 };
    const whole = await reportsOf({
      ...settings,
      student,
      objective: hard(),
      data: tinySource(source),
      validation: tinySource({ ...source, rows: 8, dataSeed: 1 }),
      optimizer: optimizerOf('linear'),
      epochs: 3,
    });
    for (const [name, values] of Object.entries(numbersOf(student.weights))) {
      values.forEach((value, at) => {
        expect(Math.abs(value - (weights[name]?.[at] as number))).toBeLessThan(1e-4);
      });
    }
    const valuesOf = (report: EpochReport) => [
      report.terms.total,
      report.accuracy,
      report.gradientNorm,
      report.validation?.loss,
      report.validation?.top1,
    ];
    reports.forEach((report, at) => {
      const expected = valuesOf(whole[at] as EpochReport);
      valuesOf(report).forEach((value, which) => {
        expect(value).toBeCloseTo(expected[which] as number, 4);
      });
    });
    student.dispose();
  });

  test('when one is interrupted, all stop after the same step, saved once, and continue as if never stopped', () => {
    const position = { epoch: 1, step: 2 };
    const error = expect.stringMatching(/^Interrupted at epoch 2, step 2; saved in /);
    expect(two.map(({ lines }) => lines[4])).toEqual([
      { rank: 0, error, steps: 6, position },
      { rank: 1, error, steps: 6, position },
    ]);
    expect(resultOf(two, 5).weights).toEqual(resultOf(two, 1).weights);
  });

  test('one that is killed is an error on the other, and the last checkpoint resumes with two, three and one', () => {
    expect(killed[0]?.lines).toEqual([
      {
        rank: 0,
        error: expect.stringMatching(/expected every process of the group to take part/),
        steps: 6,
      },
    ]);
    const whole = resultOf(two, 3);
    for (const size of [1, 2, 3]) {
      const { reports, weights } = resultOf(resumed[size] ?? [], 0);
      expect(reports.map(({ epoch }) => epoch)).toEqual([2, 3]);
      if (size === 2) expect(weights).toEqual(whole.weights);
      else expect(reports[1]?.terms.total).toBeCloseTo(whole.reports[2]?.terms.total as number, 4);
    }
  });

  test('one that is stopped is an error on the other after the timeout', async () => {
    const [first] = await run(2, [{ ...linear24, epochs: 2, at: 2, deed: 'stop' }], {
      timeoutSeconds: 5,
      stopped: [1],
    });
    expect(first?.status).toBe(1);
    expect(first?.lines[0]?.error).toMatch(
      /expected every process of the group to take part, got Collective has timed out/,
    );
  });
});
