import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readWeights } from '../../src/node/index.ts';
import { python, refusalOfTorch } from '../torch/python.ts';
import { expectTold } from '../weights/checkpoints.ts';

const script = fileURLToPath(new URL('../torch/checkpoints.py', import.meta.url));

/** More entries than zip can count without zip64, and one tensor that is read in many pieces. */
const large = `
import sys, torch
numbers = torch.arange(66000, dtype=torch.float64)
torch.save({f"n{at}": numbers[at:at + 1].clone() for at in range(66000)} | {"long": torch.arange(3000000).half().view(1000, 3000).t()}, sys.argv[1])
`;

describe.skipIf(refusalOfTorch() !== undefined)(
  `files of the PyTorch that is ${refusalOfTorch() ?? 'here'}`,
  { timeout: 300_000 },
  () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'kd-torch-'));
    beforeAll(() => void execFileSync(python, [script, folder]), 300_000);
    afterAll(() => rmSync(folder, { recursive: true }));

    test.each([
      'odd.pth',
      'odd.legacy.pth',
      'odd.safetensors',
      'protocol4.pth',
      'protocol5.pth',
      'checkpoint.pth',
      'checkpoint.legacy.pth',
    ])('%s', async (file) => {
      expectTold(await readWeights(path.join(folder, file)), file, file, folder);
    });

    test.each(['parallel.pth', 'compiled.pth', 'averaged.pth', 'wholeModule.legacy.pth'])(
      '%s',
      async (file) => {
        expectTold(await readWeights(path.join(folder, file)), file, file, folder);
      },
    );

    test('one with 66,000 tensors, and a long transposed one in half precision', async () => {
      const file = path.join(folder, 'large.pth');
      execFileSync(python, ['-c', large, file]);
      const { entries } = await readWeights(file);
      expect(Object.keys(entries).length).toBe(66_001);
      expect(entries.n65999?.read()).toEqual(Float32Array.of(65_999));
      const long = entries.long?.read() as Float32Array;
      expect([
        entries.long?.shape,
        long[0],
        long[1],
        long[1000],
        long[20_001],
        long[2_999_999],
      ]).toEqual([[3000, 1000], 0, 3000, 1, 3020, Number.POSITIVE_INFINITY]);
    });
  },
);
