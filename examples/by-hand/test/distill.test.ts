import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const example = fileURLToPath(new URL('../distill.ts', import.meta.url));

test('the whole pipeline is one file of about 150 lines', () => {
  expect(readFileSync(example, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

test('it trains, distils and tests three networks', async () => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'kd-by-hand-'));
  try {
    const args = ['--conditions=@kd/source', '--import', import.meta.resolve('tsx'), example];
    const { stdout } = await promisify(execFile)(process.execPath, [...args, '--small'], { cwd });
    const rows = Array.from(
      stdout.matchAll(/(teacher|baseline|distilled) *│ (\d+) *│ (\d[\d.]*) /g),
      ([, network, parameters, accuracy]) => ({
        network,
        parameters: Number(parameters),
        isAccuracy: Number(accuracy) > 0 && Number(accuracy) < 1,
      }),
    );
    expect(rows).toEqual([
      { network: 'teacher', isAccuracy: true, parameters: 412_944 },
      { network: 'baseline', isAccuracy: true, parameters: 24_346 },
      { network: 'distilled', isAccuracy: true, parameters: 24_346 },
    ]);
    const files = readdirSync(path.join(cwd, 'runs/by-hand'), { recursive: true });
    expect(files).toEqual(
      expect.arrayContaining([
        'teacher/best.safetensors',
        'baseline/best.safetensors',
        'distilled/best.safetensors',
        'distilled/teacher.safetensors',
      ]),
    );
  } finally {
    rmSync(cwd, { recursive: true });
  }
}, 120_000);
