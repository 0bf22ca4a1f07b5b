import { expect, test } from 'vitest';
import { float16Table, toFloat16 } from '../src/formats/float16.ts';
import { byteSource, toFloat32 } from '../src/index.ts';

test('every half-precision number survives a round trip', () => {
  const numbers = float16Table();
  const finite = Array.from(numbers.keys()).filter((bits) => Number.isFinite(numbers[bits]));
  expect(finite).toHaveLength(2 ** 16 - 2 ** 11);
  const halves = toFloat16(
    'test',
    Float32Array.from(finite, (bits) => numbers[bits] as number),
    'none',
  );
  expect(finite.filter((bits, at) => halves[at] !== bits && bits !== 0x8000)).toEqual([]);
});

test('other numbers are rounded to the nearest, ties to even, as numpy’s float16', () => {
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
  expect(Array.from(toFloat16('test', Float32Array.from(values), 'none'))).toEqual(expected);
});

test('numbers beyond its range are refused', () => {
  for (const value of [65520, -1e9, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => toFloat16('test', Float32Array.of(value), 'store float32')).toThrow(
      new RangeError(
        `test: expected numbers from −65504 to 65504 in float16, got ${value}; store float32.`,
      ),
    );
  }
});

const all16 = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const all8 = Uint8Array.from({ length: 256 }, (_, bits) => bits);

/** Sign, exponent and fraction of so many bits, as IEEE 754 has them. */
function ieee(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >> (exponentBits + fractionBits) ? -1 : 1;
  const top = 2 ** exponentBits - 1;
  const exponent = (bits >> fractionBits) & top;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = (top - 1) / 2;
  if (exponent === top) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0
    ? sign * fraction * 2 ** (1 - bias)
    : sign * (1 + fraction) * 2 ** (exponent - bias);
}

test('every half precision number, and every bfloat16', () => {
  const source = byteSource(new Uint8Array(all16.buffer));
  const [halves, bfloats] = (['F16', 'BF16'] as const).map((dtype) =>
    toFloat32(source, dtype, 0, 65536),
  );
  const wrong = [...all16].filter(
    (bits) =>
      !Object.is(halves?.[bits], Math.fround(ieee(bits, 5, 10))) ||
      !Object.is(bfloats?.[bits], Math.fround(ieee(bits, 8, 7))),
  );
  expect(wrong).toEqual([]);
});

test('every 8-bit float', () => {
  const source = byteSource(all8);
  expect(toFloat32(source, 'F8_E5M2', 0, 256)).toEqual(
    Float32Array.from(all8, (bits) => ieee(bits, 5, 2)),
  );
  // It has no infinity: its top exponent is one as any other, but for all ones.
  const finite = (bits: number) =>
    (bits & 0x78) === 0x78
      ? (bits & 0x80 ? -1 : 1) * (1 + (bits & 7) / 8) * 2 ** 8
      : ieee(bits, 4, 3);
  expect(toFloat32(source, 'F8_E4M3', 0, 256)).toEqual(
    Float32Array.from(all8, (bits) => ((bits & 0x7f) === 0x7f ? Number.NaN : finite(bits))),
  );
});

test('chunk boundaries do not show, from any byte on', () => {
  const bytes = new Uint8Array(3 + 2 * 150_000);
  new DataView(bytes.buffer).setInt16(3 + 2 * 149_999, -5, true);
  new DataView(bytes.buffer).setInt16(3 + 2 * 65_536, 7, true);
  const numbers = toFloat32(byteSource(bytes), 'I16', 3, 150_000);
  expect([numbers[65_535], numbers[65_536], numbers[149_999]]).toEqual([0, 7, -5]);
});
