import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const example = fileURLToPath(new URL('../custom.ts', import.meta.url));

test('data, network and loss of your own take under 60 lines', () => {
  expect(readFileSync(example, 'utf8').trimEnd().split('\n').length).toBeLessThan(60);
});

test('it runs on wasm and keeps its claim', async () => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'kd-custom-'));
  try {
    const args = ['--conditions=@kd/source', '--import', import.meta.resolve('tsx'), example];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd,
      env: { ...process.env, KD_ENGINE: 'wasm' },
    });
    const [teacher, alone, distilled] = Array.from(stdout.matchAll(/0\.\d+/g), ([fraction]) =>
      Number(fraction),
    ) as [number, number, number];
    expect(readdirSync(path.join(cwd, 'runs/custom'))).toEqual(['alone', 'distilled', 'teacher']);
    expect(distilled).toBeGreaterThan(alone + 0.05);
    expect(teacher).toBeGreaterThan(distilled);
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
