/** Small files of PyTorch and what is in them, made by `test/torch/checkpoints.py`. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Weights } from '../../src/index.ts';

interface Told {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: (number | string)[];
}

type Tellings = Record<string, Record<string, Told>>;

/** The files that are kept with the tests. */
export const kept = fileURLToPath(new URL('../fixtures/checkpoints', import.meta.url));

export function pathOf(file: string): string {
  return path.join(kept, file);
}

export function bytesOf(file: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(pathOf(file)));
}

/** Names, shapes and every number are those that PyTorch told, rounded to float32. */
export function expectTensors(weights: Weights, file: string, name = file, folder = kept): void {
  const told = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as Tellings;
  const wanted = told[name] as Record<string, Told>;
  expect(Object.keys(weights.entries).sort(), file).toEqual(Object.keys(wanted).sort());
  for (const [tensor, { shape, values }] of Object.entries(wanted)) {
    const entry = weights.entries[tensor];
    expect(entry?.shape, `${file}: ${tensor}`).toEqual(shape);
    expect([...(entry?.read() ?? [])], `${file}: ${tensor}`).toEqual(
      values.map((value) => Math.fround(Number(value))),
    );
  }
}
