import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'kd-golden-'));
afterAll(() => rmSync(directory, { recursive: true }));

function golden(text: string, engine = 'cpu') {
  const path = join(directory, 'golden.json');
  writeFileSync(path, text);
  const env = { ...process.env, KD_GOLDEN: path, KD_ENGINE: engine, NODE_OPTIONS: '' };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@kd/source', '--import', 'tsx', main],
    { env, encoding: 'utf8' },
  );
  return { status, lines: stdout.trim().split('\n'), errors: stderr.trim().split('\n') };
}

test('failures are printed with both numbers, the counts last, and the exit code is 1', () => {
  const { status, lines } = golden(
    JSON.stringify({
      schedules: [
        {
          id: 'e',
          description: 'ExponentialLR gamma=.5',
          baseLearningRate: 1,
          learningRateAtStep: [1, 0.6],
        },
      ],
    }),
  );
  expect(status).toBe(1);
  expect(lines).toEqual([
    expect.stringMatching(/^golden numbers on cpu/),
    expect.stringMatching(/^FAILED schedules e: learning rate\[1\]: expected 0\.6, got 0\.5 /),
    '0 passed, 1 failed, 0 skipped',
  ]);
});

test('a bad file or engine is one line, and the exit code is 2', () => {
  expect(golden('{')).toMatchObject({
    status: 2,
    errors: [expect.stringMatching(/^golden: expected JSON, got .*; set KD_GOLDEN\.$/)],
  });
  expect(golden('{"losses": []}', 'abacus')).toMatchObject({
    status: 2,
    errors: [expect.stringMatching(/abacus/)],
  });
});
