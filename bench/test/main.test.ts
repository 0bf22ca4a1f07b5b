import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Row } from '../src/section.ts';

test('without PyTorch, ours is measured alone, and the rows are written to the file', {
  timeout: 300_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kd-bench-'));
  try {
    const json = join(directory, 'rows.json');
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const args = [
      '--conditions=@kd/source',
      '--import',
      'tsx',
      main,
      '--only',
      'tiny',
      '--rounds',
      '1',
      '--seconds',
      '0.05',
      '--json',
      json,
    ];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, KD_TORCH_PYTHON: '' },
    });
    expect(stderr).toContain('PyTorch is not compared: KD_TORCH_PYTHON=');
    expect(stdout).toContain('images/s');
    const rows = JSON.parse(await readFile(json, 'utf8')) as Row[];
    expect(rows.map(({ step, variant }) => `${step}: ${variant}`)).toEqual([
      'tiny: ours',
      'tiny: ours, huge pages',
      'tiny: ours, KD_COMPILE=off',
    ]);
    for (const { ms, imagesPerSecond } of rows)
      expect(imagesPerSecond).toBeCloseTo(8_000 / (ms as number), 9);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
