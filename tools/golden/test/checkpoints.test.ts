import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, expect, test } from 'vitest';
import { readFixtures } from '../src/checkpoints/expected.ts';
import { type Outcome, runFixtures } from '../src/checkpoints/run.ts';

const directory = fileURLToPath(new URL('../checkpoints', import.meta.url));
const altered = mkdtempSync(join(tmpdir(), 'kd-fixtures-'));
afterAll(() => rmSync(altered, { recursive: true }));

async function outcomes(from: string): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for await (const outcome of runFixtures(readFixtures(from))) all.push(outcome);
  return all;
}

onEveryEngine(() => {
  test("checkpoints of PyTorch in every format give PyTorch's logits, and are written as they were", async () => {
    const before = tf.memory().numTensors;
    const all = await outcomes(directory);
    expect(all.filter(({ result }) => result !== 'passed')).toEqual([]);
    expect(all).toHaveLength(17);
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('differences are reported by file, tensor and number; unlisted and unknown files are skipped', async () => {
  for (const name of ['small_student.safetensors', 'small_student.pth', 'odd_tensors.pth'])
    copyFileSync(join(directory, name), join(altered, name));
  copyFileSync(join(directory, 'odd_tensors.pth'), join(altered, 'unknown.pth'));
  const expected = JSON.parse(readFileSync(join(directory, 'expected.json'), 'utf8'));
  expected.files = {
    'small_student.safetensors': { ...expected.files['small_student.safetensors'], bytes: 7 },
    'unknown.pth': { model: 'small_student' },
    'missing.pth': { model: 'small_student' },
    'odd_tensors.pth': {},
  };
  expected.models.small_student.expected.float64.logits[1][2] += 0.5;
  expected.models.small_student.tensors['fc2.bias'].first4[1] = 9;
  expected.oddTensors.i32.values[1] = 8;
  writeFileSync(join(altered, 'expected.json'), JSON.stringify(expected));
  const [student, unknown, missing, odd, unlisted] = await outcomes(altered);
  expect(student).toEqual({
    file: 'small_student.safetensors',
    result: 'failed',
    notes: [
      'expected 7 bytes, got 13244',
      expect.stringMatching(/^fc2\.bias\[1\]: expected 9, got -?0\.\d+$/),
      expect.stringMatching(
        /^logits\[5\]: expected .*, got .* \(logits off by 5\.0e-1 of \S+ allowed\)$/,
      ),
    ],
  });
  expect(unknown).toMatchObject({
    result: 'skipped',
    notes: ['no network of ours has tensors like those of small_student'],
  });
  expect(missing).toMatchObject({
    result: 'failed',
    notes: [expect.stringContaining('missing.pth')],
  });
  expect(odd).toMatchObject({ result: 'failed', notes: ['i32[1]: expected 8, got -9'] });
  expect(unlisted).toMatchObject({ file: 'small_student.pth', result: 'skipped' });
});

test('the command prints a line for every file and the counts last; a missing directory is exit code 2', () => {
  const run = (env: Record<string, string>) => {
    const main = fileURLToPath(new URL('../src/checkpoints/main.ts', import.meta.url));
    const options = {
      env: { ...process.env, NODE_OPTIONS: '', KD_ENGINE: 'cpu', ...env },
      encoding: 'utf8',
    } as const;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--conditions=@kd/source', '--import', 'tsx', main],
      options,
    );
    return { status, lines: stdout.trim().split('\n'), errors: stderr.trim().split('\n') };
  };
  const { status, lines } = run({ KD_FIXTURES: altered });
  expect(status).toBe(1);
  expect(lines).toEqual([
    expect.stringMatching(/^checkpoints on cpu/),
    expect.stringMatching(/^FAILED small_student\.safetensors: expected 7 bytes/),
    ...Array.from({ length: 6 }, () => expect.stringMatching(/^(FAILED|skipped) \S+: ./)),
    '0 passed, 3 failed, 2 skipped',
  ]);
  expect(run({ KD_FIXTURES: join(altered, 'nowhere') })).toMatchObject({
    status: 2,
    errors: [
      expect.stringMatching(
        /^fixtures: expected a directory of checkpoints with expected\.json, got .*; set KD_FIXTURES\.$/,
      ),
    ],
  });
});
