/** Small files of PyTorch and what is in them, made by `test/torch/checkpoints.py`. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Weights } from '../../src/index.ts';

interface ExpectedTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: (number | string)[];
}

type ExpectedFiles = Record<string, Record<string, ExpectedTensor>>;

/** Directory of the checkpoints of these tests. */
export const fixtures = fileURLToPath(new URL('../fixtures/checkpoints', import.meta.url));

export function pathOf(file: string): string {
  return path.join(fixtures, file);
}

export function bytesOf(file: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(pathOf(file)));
}

/** Names, shapes and values are those written by PyTorch, rounded to float32. */
export function expectTensors(
  weights: Weights,
  file: string,
  name = file,
  directory = fixtures,
): void {
  const files = JSON.parse(
    readFileSync(path.join(directory, 'expected.json'), 'utf8'),
  ) as ExpectedFiles;
  const expected = files[name] as Record<string, ExpectedTensor>;
  expect(Object.keys(weights.entries).sort(), file).toEqual(Object.keys(expected).sort());
  for (const [tensor, { shape, values }] of Object.entries(expected)) {
    const entry = weights.entries[tensor];
    expect(entry?.shape, `${file}: ${tensor}`).toEqual(shape);
    expect([...(entry?.read() ?? [])], `${file}: ${tensor}`).toEqual(
      values.map((value) => Math.fround(Number(value))),
    );
  }
}
