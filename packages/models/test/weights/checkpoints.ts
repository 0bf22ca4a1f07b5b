/** Small files of PyTorch and what is in them, made by `test/torch/checkpoints.py`. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Weights } from '../../src/index.ts';

interface Told {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: (number | string)[];
}

const folder = new URL('../fixtures/checkpoints/', import.meta.url);
const told = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) as Record<string, Record<string, Told>>;

export function pathOf(file: string): string {
  return fileURLToPath(new URL(file, folder));
}

export function bytesOf(file: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(pathOf(file)));
}

/** Names, shapes and every number are those that PyTorch told, rounded to float32. */
export function expectTold(weights: Weights, file: string, name = file): void {
  const wanted = told[name] as Record<string, Told>;
  expect(Object.keys(weights.entries).sort(), file).toEqual(Object.keys(wanted).sort());
  for (const [tensor, { shape, values }] of Object.entries(wanted)) {
    const entry = weights.entries[tensor];
    expect(entry?.shape, `${file}: ${tensor}`).toEqual(shape);
    expect([...(entry?.read() ?? [])], `${file}: ${tensor}`).toEqual(values.map((value) => Math.fround(Number(value))));
  }
}
