import { execFile } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodeSafetensors } from '@kd/files';
import { temporaryDirectories } from '@kd/testing';
import { expect, test } from 'vitest';
import { torchZip } from './torchZip.ts';

const newDirectory = temporaryDirectories();
const script = fileURLToPath(new URL('../fixtures/readMemory.ts', import.meta.url));
const megabyte = 1_000_000;

/** By how many bytes a process grows at most that reads the file and keeps its tensors. */
async function growth(file: string): Promise<{ bytes: number; grown: number }> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--conditions=@kd/source',
    '--import',
    'tsx',
    script,
    file,
  ]);
  return JSON.parse(stdout) as { bytes: number; grown: number };
}

test('a file of 60 MB is read, and its tensors kept, in less than 2.5 times its size', async () => {
  const file = path.join(newDirectory(), 'w.safetensors');
  const tensors = Array.from({ length: 12 }, (_, layer) => {
    const data = new Float32Array(1_250_000).fill(layer);
    return [`layer${layer}`, { dtype: 'F32', shape: [1250, 1000], data }] as const;
  });
  writeFileSync(file, encodeSafetensors(Object.fromEntries(tensors)));
  const { bytes, grown } = await growth(file);
  expect(bytes).toBe(60 * megabyte);
  expect(grown).toBeLessThan(2.5 * statSync(file).size);
});

test('a transposed tensor in half precision needs less than 2.5 times its own size, twice that of the file', async () => {
  const file = path.join(newDirectory(), 'w.pth');
  const length = 'J\xc0\xe1\xe4\0';
  const id = '(X\x07\0\0\0storagectorch\nHalfStorage\nX\x01\0\0\x000X\x03\0\0\0cpu';
  const transposed = `${id}${length}tQK\0M\xa0\x0fM\xa6\x0e\x86K\x01M\xa0\x0f\x86\x89Nt`;
  writeFileSync(
    file,
    torchZip(`}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n(${transposed}Rs.`, {
      0: new Uint8Array(30_000_000),
    }),
  );
  const { bytes, grown } = await growth(file);
  expect(bytes).toBe(4 * 4000 * 3750);
  expect(grown).toBeLessThan(2.5 * bytes);
});
