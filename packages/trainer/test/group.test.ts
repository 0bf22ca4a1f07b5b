import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EndedProcess, explainStartFailure, runProcessGroup } from '@kd/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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

const hasTensorflow = (await explainStartFailure('tensorflow')) === undefined;
const fixture = (name: string) => new URL(`fixtures/${name}.ts`, import.meta.url);

onCpu();

describe.skipIf(!hasTensorflow)('training in a group of processes', { timeout: 60_000 }, () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kd-group-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const run = (
    processes: number,
    options: GroupTraining,
    more: { timeoutSeconds?: number; stopped?: number[] } = {},
  ) =>
    runProcessGroup<Line>(fixture('groupTraining'), {
      processes,
      args: [JSON.stringify(options)],
      ...more,
    });

  /** What all processes say alike, in the end. */
  function agreed(
    ends: readonly EndedProcess<Line>[],
  ): Required<Pick<Line, 'reports' | 'weights'>> {
    expect(ends.map(({ status, stderr }) => [status, stderr])).toEqual(ends.map(() => [0, '']));
    const lines = ends.map(({ lines: [line] }) => line as Line);
    const [first] = lines as [Line];
    for (const { reports, weights } of lines)
      expect({ reports, weights }).toEqual({ reports: first.reports, weights: first.weights });
    return {
      reports: first.reports as EpochReport[],
      weights: first.weights as Record<string, number[]>,
    };
  }

  test.each([
    [2, 'linear', 20],
    [2, 'cnn', 20],
    [3, 'cnn', 24],
  ] as const)(
    '%i processes, %s: to the last bit what one gets that adds the gradients of the shards',
    async (size, network, rows) => {
      const options = { network, rows, epochs: 2 } as const;
      const { weights, reports } = agreed(await run(size, options));
      const [reference] = await runProcessGroup<Line>(fixture('groupReference'), {
        processes: 1,
        args: [JSON.stringify({ ...options, size })],
      });
      expect(reference?.stderr).toBe('');
      expect(weights).toEqual(reference?.lines[0]?.weights);
      expect(reports.map(({ images, validation }) => [images, validation?.images])).toEqual([
        [rows, 8],
        [rows, 8],
      ]);
    },
  );

  test('what two get is what one gets from the whole batches, within rounding; the weights are first those of process 0', async () => {
    const options = { network: 'linear', networkSeed: 'own', rows: 20, epochs: 3 } as const;
    const { weights, reports } = agreed(await run(2, options));
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
    const seen = (report: EpochReport) => [
      report.terms.total,
      report.accuracy,
      report.gradientNorm,
      report.validation?.loss,
      report.validation?.top1,
    ];
    reports.forEach((report, at) => {
      seen(report).forEach((value, which) => {
        expect(value).toBeCloseTo(seen(whole[at] as EpochReport)[which] as number, 4);
      });
    });
    student.dispose();
  });

  test('one that is killed is an error on the other, and the last checkpoint resumes with two, three and one', async () => {
    const options = { network: 'linear', rows: 24, epochs: 3 } as const;
    const whole = agreed(await run(2, options));
    const killed = { ...options, directory, at: 6, deed: 'kill' } as const;
    for (const size of [2, 3, 1]) {
      const [first] = await run(2, killed);
      expect(first?.lines).toEqual([
        {
          rank: 0,
          error: expect.stringMatching(/expected every process of the group to take part/),
          steps: 6,
        },
      ]);
      const { reports, weights } = agreed(await run(size, { ...options, directory, resume: true }));
      expect(reports.map(({ epoch }) => epoch)).toEqual([2, 3]);
      if (size === 2) expect(weights).toEqual(whole.weights);
      else expect(reports[1]?.terms.total).toBeCloseTo(whole.reports[2]?.terms.total as number, 4);
    }
  });

  test('one that is stopped is an error on the other after the timeout', async () => {
    const [first] = await run(
      2,
      { network: 'linear', rows: 24, epochs: 2, at: 2, deed: 'stop' },
      { timeoutSeconds: 5, stopped: [1] },
    );
    expect(first?.status).toBe(1);
    expect(first?.lines[0]?.error).toMatch(
      /expected every process of the group to take part, got Collective has timed out/,
    );
  });

  test('when one is interrupted, all stop after the same step, saved once, and go on as if never stopped', async () => {
    const options = { network: 'cnn', rows: 20, epochs: 2, directory } as const;
    const ends = await run(2, { ...options, at: 5, deed: 'interrupt' });
    const position = { epoch: 1, step: 2 };
    const error = expect.stringMatching(/^Interrupted at epoch 2, step 2; saved in /);
    expect(ends.flatMap(({ lines }) => lines)).toEqual([
      { rank: 0, error, steps: 6, position },
      { rank: 1, error, steps: 6, position },
    ]);
    const resumed = agreed(await run(2, { ...options, resume: true }));
    const { directory: _, ...alone } = options;
    expect(resumed.weights).toEqual(agreed(await run(2, alone)).weights);
  });
});
