import { byteSource, toFloat32 } from '@kd/files';
import { expect, test } from 'vitest';

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
  expect(toFloat32(source, 'F16', 0, 65536)).toEqual(
    Float32Array.from(all16, (bits) => ieee(bits, 5, 10)),
  );
  expect(toFloat32(source, 'BF16', 0, 65536)).toEqual(
    Float32Array.from(all16, (bits) => ieee(bits, 8, 7)),
  );
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

test('a piece boundary is no boundary, from any byte on', () => {
  const bytes = new Uint8Array(3 + 2 * 150_000);
  new DataView(bytes.buffer).setInt16(3 + 2 * 149_999, -5, true);
  new DataView(bytes.buffer).setInt16(3 + 2 * 65_536, 7, true);
  const numbers = toFloat32(byteSource(bytes), 'I16', 3, 150_000);
  expect([numbers[65_535], numbers[65_536], numbers[149_999]]).toEqual([0, 7, -5]);
});
