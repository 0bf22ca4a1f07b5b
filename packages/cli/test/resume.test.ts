import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunRecord } from '../src/record/run.ts';
import { readRecord } from '../src/record/run.ts';
import { tinyRun } from './fixtures/tinyRun.ts';

const weightFiles = ['teacher', 'alone-3', 'distilled-3'].flatMap((stage) => [
  `${stage}/best.safetensors`,
  `${stage}/test-logits.safetensors`,
]);

describe('a run on the cpu engine', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'kd-cifar10-'));
  const whole = path.join(root, 'whole');
  let record: RunRecord;
  let lines: string[] = [];
  beforeAll(async () => {
    record = await tinyRun(whole, (line) => lines.push(line));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  /** What a run is, but for clocks. */
  const essence = (run: RunRecord): unknown =>
    JSON.parse(
      JSON.stringify(run, (name, value: unknown) =>
        ['seconds', 'imagesPerSecond', 'finished', 'environment'].includes(name) ? 0 : value,
      ),
    );

  const expectEqualRuns = async (directory: string) => {
    expect(essence((await readRecord(directory)) as RunRecord)).toEqual(essence(record));
    for (const file of weightFiles)
      expect(
        readFileSync(path.join(directory, file)).equals(readFileSync(path.join(whole, file))),
      ).toBe(true);
  };

  test('goes through every stage, keeps every epoch, tests each network once and writes the report', async () => {
    expect(lines.filter((line) => line.startsWith('['))).toEqual([
      '[1/6] teacher: student-cnn, 2 epochs',
      '[2/6] student alone: student-cnn, 2 epochs',
      "[3/6] recording the teacher's logits",
      '[4/6] student distilled: soft-targets, temperature 4',
      '[5/6] test set, once for each',
      '[6/6] report',
    ]);
    expect(record.status).toBe('finished');
    expect(
      Object.entries(record.trainings).map(([name, { epochs }]) => [name, epochs.length]),
    ).toEqual([
      ['teacher', 2],
      ['alone-3', 2],
      ['distilled-3', 2],
    ]);
    expect(record.recordings['recording-3']?.views).toBe(2);
    expect(record.results['distilled-3']?.test.images).toBe(12);
    expect(await readRecord(whole)).toEqual(record);
    expect(readFileSync(path.join(whole, 'report.html'), 'utf8')).toContain(
      '<h1>The distilled student is',
    );
  });

  test('alone and distilled start from the same weights and deal the same batches', () => {
    const [alone, distilled] = ['alone-3', 'distilled-3'].map((name) => record.trainings[name]);
    expect(alone?.seed).toBe(distilled?.seed);
    expect(alone?.epochs.map(({ images }) => images)).toEqual(
      distilled?.epochs.map(({ images }) => images),
    );
  });

  test.each(['teacher 1/2', 'distilled 1/2'])(
    'killed after %s and resumed, it is the same to the last bit',
    async (moment) => {
      const directory = path.join(root, moment.replaceAll('/', ' of '));
      await killedAfter(moment, directory);
      expect((await readRecord(directory))?.status).toBe('running');
      await tinyRun(directory, () => {});
      await expectEqualRuns(directory);
    },
  );

  test('stopped by a signal and resumed, it is the same to the last bit', async () => {
    const directory = path.join(root, 'stopped');
    const controller = new AbortController();
    const stop = (line: string) => line === 'alone 1/2' && controller.abort();
    await expect(tinyRun(directory, stop, controller.signal)).rejects.toThrow();
    expect((await readRecord(directory))?.status).toBe('interrupted');
    await tinyRun(directory, () => {});
    await expectEqualRuns(directory);
  });

  test('a finished run does nothing again, and leaves no tensor behind', async () => {
    const before = memory().numTensors;
    lines = [];
    await tinyRun(whole, (line) => lines.push(line));
    expect(lines.filter((line) => /\d\/\d$/.test(line))).toEqual([]);
    expect(memory().numTensors).toBe(before);
    await expectEqualRuns(whole);
  });
});

/** Runs the tiny run in a process and ends it with SIGKILL when it says a line. */
async function killedAfter(line: string, directory: string): Promise<void> {
  const script = fileURLToPath(new URL('./fixtures/tinyProcess.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--conditions=@kd/source', '--import', 'tsx', script, directory],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said.includes(`${line}\n`)) child.kill('SIGKILL');
  });
  const signal = await new Promise((resolve) => child.on('exit', (_, by) => resolve(by)));
  expect(signal).toBe('SIGKILL');
}
