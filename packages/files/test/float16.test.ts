import { expect, test } from 'vitest';
import { float16Table, toFloat16 } from '../src/formats/float16.ts';

test('every number of half precision comes back as it was', () => {
  const numbers = float16Table();
  const finite = Array.from(numbers.keys()).filter((bits) => Number.isFinite(numbers[bits]));
  expect(finite).toHaveLength(2 ** 16 - 2 ** 11);
  const halves = toFloat16(
    'test',
    Float32Array.from(finite, (bits) => numbers[bits] as number),
  );
  expect(finite.filter((bits, at) => halves[at] !== bits && bits !== 0x8000)).toEqual([]);
});

test('others go to the nearest, ties to even, as numpy’s float16', () => {
  // numpy.array(values, numpy.float32).astype(numpy.float16).view(numpy.uint16)
  const values = [
    1,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    1 + 2 ** -11 + 2 ** -20,
    65504,
    65519,
    2 ** -14,
    2 ** -25,
    3 * 2 ** -25,
    1.5 * 2 ** -24,
    6.1e-5,
    -0.1,
    2047.9,
  ];
  const expected = [
    0x3c00, 0x3c00, 0x3c02, 0x3c01, 0x7bff, 0x7bff, 0x0400, 0x0000, 0x0002, 0x0002, 0x03ff, 0xae66,
    0x6800,
  ];
  expect(Array.from(toFloat16('test', Float32Array.from(values)))).toEqual(expected);
});

test('numbers beyond its range are refused', () => {
  for (const value of [65520, -1e9, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => toFloat16('test', Float32Array.of(value))).toThrow(
      'test: expected numbers from −65504 to 65504 in float16',
    );
  }
});
