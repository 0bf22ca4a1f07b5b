import { ensure, expectedError } from '@kd/core';
import { readPng } from '@kd/files';
import { type Part, pictureSize } from './layout.ts';

/**
 * A PNG of the npm package: each of its rows, 1024 RGB pixels, is one 32 × 32 picture, row by row.
 */
export async function readRowImage(bytes: Uint8Array, caller: string): Promise<Part> {
  const { width, pixels } = await readPng(bytes, { width: 1024, height: 10_000 }, caller);
  ensure(width * 3 === pictureSize, caller, 'rows of 1024 pixels', width);
  return { pixels };
}

/** A label file of the npm package: a JSON array of whole numbers. */
export function readLabelList(bytes: Uint8Array, classes: number, caller: string): Part {
  const list = parse(bytes, caller);
  ensure(Array.isArray(list), caller, 'a JSON array of labels', 'another value');
  list.forEach((label: unknown, at) => {
    ensure(
      Number.isInteger(label) && (label as number) >= 0 && (label as number) < classes,
      caller,
      `labels 0–${classes - 1}`,
      `${String(label)} at ${at}`,
    );
  });
  return { labels: Uint8Array.from(list as number[]) };
}

function parse(bytes: Uint8Array, caller: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw Object.assign(expectedError(caller, 'a JSON array of labels', (cause as Error).message), {
      cause,
    });
  }
}
